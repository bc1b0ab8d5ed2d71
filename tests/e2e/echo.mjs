// A WebSocket echo and a page to open it from: node echo.mjs; prints READY PORT; TERM ends it.
import http from 'node:http';
import {createRequire} from 'node:module';

const {WebSocketServer} = createRequire(import.meta.url)('ws');
const server = http.createServer((request, response) => {
  response.writeHead(200, {'content-type': 'text/html; charset=utf-8'});
  response.end('<!doctype html><title>echo</title>');
});
// No limit on fragments: the default refuses what Autobahn's cases 9.3.1 and 9.4.1 send.
const sockets = new WebSocketServer({server, maxFragments: 0, maxPayload: 64 << 20, perMessageDeflate: false});
sockets.on('connection', (socket, request) => {
  socket.on('message', (data, binary) => socket.send(data, {binary}));
  socket.on('error', () => {});
});
server.listen(0, '127.0.0.1', () => console.log(`READY ${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
