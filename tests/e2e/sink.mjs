// An upstream that sends back what it is sent, at once; below /counted/ it says how much that was, at the end; to what ends
// in /held it never answers: node sink.mjs; prints READY PORT; TERM ends it.
import http from 'node:http';

const server = http.createServer((request, response) => {
  if (request.url.endsWith('/held')) return request.resume();
  response.setHeader('content-type', 'application/octet-stream');
  if (!request.url.startsWith('/counted/')) return request.pipe(response);
  let count = 0;
  request.on('data', (data) => { count += data.length; });
  request.on('end', () => response.end(`${count}\n`));
});
server.listen(0, '127.0.0.1', () => console.log(`READY ${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
