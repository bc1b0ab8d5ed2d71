// An upstream that sends back what it is sent: node sink.mjs; prints READY PORT; TERM ends it.
import http from 'node:http';

const server = http.createServer((request, response) => {
  response.writeHead(200, {'content-type': 'application/octet-stream'});
  request.pipe(response);
});
server.listen(0, '127.0.0.1', () => console.log(`READY ${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
