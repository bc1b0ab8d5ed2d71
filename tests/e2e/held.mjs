// Connections that stay open: node held.mjs PORT; trusts NODE_EXTRA_CA_CERTS. Opens a WebSocket, a keep-alive HTTP/1.1
// and an HTTP/2 connection to chat.gatepost.test there and prints READY. Each SIGUSR2 uses all three again and prints
// HELD N, or LOST N and why; TERM ends it.
import http2 from 'node:http2';
import https from 'node:https';
import {createRequire} from 'node:module';

const {WebSocket} = createRequire(import.meta.url)('ws');
const name = 'chat.gatepost.test', port = Number(process.argv[2]);
const at = {host: '127.0.0.1', port, servername: name};

const agent = new https.Agent({...at, keepAlive: true, maxSockets: 1});
const keptAlive = () => new Promise((resolve, reject) => {
  const request = https.get({...at, agent, headers: {host: name}}, answer => {
    answer.resume().on('end', () => resolve({status: answer.statusCode, reused: request.reusedSocket}));
  }).on('error', reject);
});

const session = http2.connect(`https://${name}:${port}`, at);
const overH2 = () => new Promise((resolve, reject) => {
  const stream = session.request({':path': '/'});
  stream.on('response', fields => resolve(fields[':status'])).on('error', reject).resume();
});
// An error shows in the next use; unheard it would end the process.
session.on('error', () => {});

const socket = new WebSocket(`wss://127.0.0.1:${port}/`, {servername: name, headers: {host: name}});
const echo = text => new Promise((resolve, reject) => {
  socket.once('message', data => resolve(String(data))).once('error', reject).once('close', () => reject(new Error('closed')));
  socket.send(text);
});

await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
await keptAlive();
await overH2();
console.log('READY');

let count = 0;
process.on('SIGUSR2', async () => {
  count += 1;
  try {
    const {status, reused} = await keptAlive();
    if (status !== 200 || !reused) throw new Error(`keep-alive: ${status}, reused: ${reused}`);
    if (await overH2() !== 200) throw new Error('HTTP/2');
    if (await echo(`hello ${count}`) !== `hello ${count}`) throw new Error('WebSocket');
    console.log(`HELD ${count}`);
  } catch (error) {
    console.log(`LOST ${count} ${error.message}`);
  }
});
process.on('SIGTERM', () => process.exit(0));
