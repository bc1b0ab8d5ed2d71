// Chromium against a running gatepost: node browser.mjs BASE-OF-CHAT BASE-OF-WWW ROOT.pem FOLDER-FOR-SCREENSHOTS
// The last line is 'N passed, N failed'.
import {readFileSync} from 'node:fs';
import https from 'node:https';
import path from 'node:path';

import {PHONE, finish, fits, home as homeFor, launch as launchIn, must, open, quiet, step, until} from './chromium.mjs';

const [chat, www, root, shots] = process.argv.slice(2);
const MEETING = /^https:\/\/8x8\.vc\/vpaas-magic-cookie-123456\/room1\?jwt=[\w.-]+/;

const home = homeFor(root);
const launch = (popups) => launchIn(home, popups);

// Asked without the browser: a page's policy may forbid it to fetch, and a download is no page.
const status = (address) => new Promise((ok, no) => {
  const lookup = (host, options, done) => (options.all ? done(null, [{address: '127.0.0.1', family: 4}]) : done(null, '127.0.0.1', 4));
  https.get(address, {ca: readFileSync(root), lookup}, (answer) => { answer.resume(); ok(answer.statusCode); }).on('error', no);
});
const link = (page) => page.locator('a[href^="https://8x8.vc/"]').first();

let browser = await launch(true);
try {
  await step('HTTP/2 over TLS 1.3 with a post-quantum key exchange', async () => {
    const {context, page} = await open(browser);
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    const first = new Promise((ok) => session.once('Network.responseReceived', (event) => ok(event.response)));
    await page.goto(`${www}/`);
    const {protocol, securityState, securityDetails} = await first;
    must(protocol === 'h2' && securityState === 'secure', `${protocol} ${securityState}`);
    must(securityDetails.protocol === 'TLS 1.3' && securityDetails.keyExchangeGroup === 'X25519MLKEM768', JSON.stringify(securityDetails));
    await context.close();
  });

  await step('the launcher opens the meeting in a window of its own', async () => {
    const {context, page, complaints} = await open(browser);
    const popup = context.waitForEvent('page', (other) => other !== page);
    await page.goto(`${chat}/jitsi/room1`);
    const before = await page.innerText('body');
    await (await popup).waitForURL(MEETING);
    // The text changes by itself after a moment.
    await until(async () => await page.innerText('body') !== before, 'the text stays as it was');
    await page.screenshot({path: path.join(shots, 'launcher-opened.png')});
    await link(page).waitFor({state: 'visible'});
    quiet(complaints);
    await context.close();
  });

  await step('without script the link leads there', async () => {
    const {context, page} = await open(browser, {javaScriptEnabled: false});
    await page.goto(`${chat}/jitsi/room1`);
    await page.screenshot({path: path.join(shots, 'launcher-without-script.png')});
    const popup = context.waitForEvent('page', (other) => other !== page);
    await link(page).click();
    await (await popup).waitForURL(MEETING);
    await context.close();
  });

  await step('without a room the page waits for one', async () => {
    const {context, page, complaints} = await open(browser);
    await page.goto(`${chat}/jitsi/`);
    must(/room/i.test(await page.innerText('body')), 'says nothing of a room');
    await page.screenshot({path: path.join(shots, 'launcher-waiting.png')});
    quiet(complaints);
    await context.close();
  });

  await step('script in a room name does not run', async () => {
    const {context, page} = await open(browser);
    let dialogs = 0;
    page.on('dialog', (dialog) => { dialogs++; dialog.dismiss(); });
    for (const room of ['%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E', 'x%22);alert(1);%2F%2F', '%3Cimg%20src=x%20onerror=alert(1)%3E']) {
      await page.goto(`${chat}/jitsi/${room}`);
      await page.waitForLoadState('load');
      must(await page.evaluate(() => document.querySelectorAll('img, script:not([nonce])').length) === 0, `${room} made an element`);
    }
    must(dialogs === 0, 'an alert came up');
    await context.close();
  });

  for (const [name, options] of [['desktop', {viewport: {width: 1200, height: 800}}], ['phone', PHONE]]) {
    await step(`a listing on a ${name}: sorted names, links that lead there, nothing cut`, async () => {
      const {context, page, complaints} = await open(browser, options);
      await page.goto(`${www}/files/`);
      await page.screenshot({path: path.join(shots, `listing-${name}.png`), fullPage: true});
      await fits(page);
      const text = await page.innerText('body');
      for (const file of ['a?b', 'my:file', '<img src=x>.txt', '50%.txt', 'a b.txt', '日本.txt']) must(text.includes(file), `no ${file}`);
      must(await page.locator('img[src="x"]').count() === 0, 'a name became an element');
      const links = await page.locator('a[href]').evaluateAll((all) => all.map((a) => a.href));
      for (const address of new Set(links)) {
        must(address.startsWith(www), `${address} leads elsewhere`);
        must(await status(address) === 200, `${address} is dead`);
      }
      quiet(complaints);
      await context.close();
    });
  }

  await step('an error page on a phone', async () => {
    const {context, page} = await open(browser, PHONE);
    await page.goto(`${chat}/gone/`);
    await page.screenshot({path: path.join(shots, 'error-502-phone.png')});
    await fits(page);
    must(/request [0-9a-f]{8,}/.test(await page.innerText('body')), 'no request id');
    await context.close();
  });

  await step('a WebSocket, over the HTTP/2 connection that the page came by', async () => {
    const {context, page, complaints} = await open(browser);
    await page.goto(`${chat}/`);
    const echoed = await page.evaluate(() => new Promise((ok, no) => {
      const socket = new WebSocket(`wss://${location.host}/socket`);
      socket.onopen = () => socket.send('ünïcødé '.repeat(5000));
      socket.onmessage = (event) => { ok(event.data.length); socket.close(); };
      socket.onerror = () => no(new Error('socket error'));
    }));
    must(echoed === 40000, `${echoed} characters came back`);
    quiet(complaints);
    await context.close();
  });
} finally { await browser.close(); }

browser = await launch(false);
try {
  for (const [name, options] of [['desktop', {}], ['phone', PHONE]]) {
    await step(`where popups are blocked the button opens the meeting (${name})`, async () => {
      const {context, page, complaints} = await open(browser, options);
      const windows = [];
      context.on('page', (other) => windows.push(other));
      await page.goto(`${chat}/jitsi/room1`);
      await link(page).waitFor({state: 'visible'});
      await page.screenshot({path: path.join(shots, `launcher-${name}.png`)});
      await fits(page);
      must(windows.length === 0, 'the popup was not blocked: this run shows nothing');
      const popup = context.waitForEvent('page', (other) => other !== page);
      await link(page).click();
      await (await popup).waitForURL(MEETING);
      quiet(complaints.filter((text) => !/popup/i.test(text)));
      await context.close();
    });
  }
} finally { await browser.close(); home.tidy(); }

finish();
