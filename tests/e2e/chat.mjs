// A Mattermost as far as meetings see one: node chat.mjs; prints READY PORT.
// Its login keeps people inside its own web app, as the real one does after a password. In memory; alice is a member,
// root an administrator, gus a guest; the password is "secret-pass-1". POST /standin/asleep and /standin/awake, straight
// and not through the gate: users/me answers 503 in between.
import crypto from 'node:crypto';
import http from 'node:http';

const id = () => [...crypto.randomBytes(26)].map((byte) => 'ybndrfg8ejkmcpqxot1uwisza345h769'[byte & 31]).join('');
const user = (username, nickname, roles) => ({id: id(), username, nickname, first_name: '', last_name: '', email: `${username}@gatepost.test`,
  roles, locale: 'en', delete_at: 0, create_at: 1, update_at: 1, last_picture_update: 0});
const users = [user('alice', 'Alice 日本', 'system_user'), user('root', '', 'system_user system_admin'), user('gus', '', 'system_guest')];
const sessions = new Map();
let asleep = false;

const json = (answer, status, value, fields = {}) => {
  const body = JSON.stringify(value);
  answer.writeHead(status, {'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...fields});
  answer.end(body);
};
const html = (answer, title, body, fields = {}) => {
  answer.writeHead(200, {'content-type': 'text/html; charset=utf-8', ...fields});
  answer.end(`<!doctype html><html lang="en"><title>${title}</title><link rel="icon" href="data:,"><h1>${title}</h1>${body}`);
};
const session = (request) => {
  const cookie = /(?:^|;\s*)MMAUTHTOKEN=([^;]*)/.exec(request.headers.cookie ?? '')?.[1];
  return sessions.get(/^bearer (.*)$/i.exec(request.headers.authorization ?? '')?.[1] ?? cookie);
};
const read = async (request) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
};

const LOGIN = '<form method="post"><label>User <input name="user"></label><label>Password <input name="password" type="password"></label><button>Log in</button></form>';

const server = http.createServer(async (request, answer) => {
  const {pathname} = new URL(request.url, 'http://chat');
  if (pathname === '/standin/asleep' || pathname === '/standin/awake') {
    asleep = pathname.endsWith('asleep');
    return json(answer, 200, {asleep});
  }
  if (pathname === '/login' && request.method === 'POST') {
    const typed = new URLSearchParams(await read(request));
    const found = users.find((one) => one.username === typed.get('user'));
    if (!found || typed.get('password') !== 'secret-pass-1') return html(answer, 'Log in', `<p>No.</p>${LOGIN}`);
    const token = id(), secure = request.headers['x-forwarded-proto'] === 'https' ? '; Secure' : '';
    sessions.set(token, found);
    return html(answer, 'Town Square', `<p>Signed in as ${found.username}</p>`,
      {'set-cookie': [`MMAUTHTOKEN=${token}; Path=/; Max-Age=3600; HttpOnly${secure}`, `MMUSERID=${found.id}; Path=/; Max-Age=3600${secure}`]});
  }
  if (pathname === '/login') return html(answer, 'Log in', LOGIN);
  if (pathname.startsWith('/api/v4/')) {
    if (asleep) return json(answer, 503, {id: 'standin.asleep', status_code: 503});
    const me = session(request);
    if (!me) return json(answer, 401, {id: 'api.context.session_expired.app_error', status_code: 401}, {'set-cookie': 'MMAUTHTOKEN=; Max-Age=0; Path=/'});
    if (pathname === '/api/v4/users/me') return json(answer, 200, me);
    if (pathname === '/api/v4/users/me/teams/members') return json(answer, 200, []);
    return json(answer, 404, {id: 'api.context.404.app_error', status_code: 404});
  }
  // The web app answers whatever it does not know.
  html(answer, 'Mattermost', '<p>The web app.</p>');
});
server.listen(0, '127.0.0.1', () => console.log(`READY ${server.address().port}`));
