// What the scripts that drive Chromium share. Nothing of the verification is switched off: the root is put into a store of the
// browser's own.
import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import path from 'node:path';

const {chromium} = createRequire(import.meta.url)('playwright-core');

// A store that trusts `root`; `tidy` takes it away again.
export const home = (root) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatepost-browser-'));
  const store = path.join(folder, '.pki/nssdb');
  mkdirSync(store, {recursive: true});
  execFileSync('certutil', ['-d', `sql:${store}`, '-N', '--empty-password']);
  execFileSync('certutil', ['-d', `sql:${store}`, '-A', '-t', 'C,,', '-n', 'gatepost-e2e-root', '-i', root]);
  return {folder, tidy: () => rmSync(folder, {recursive: true, force: true})};
};

// playwright lets every popup open; without that default Chromium blocks what no click asked for, as people's browsers do.
export const launch = ({folder}, popups) => chromium.launch({
  executablePath: '/usr/bin/chromium', headless: true, env: {...process.env, HOME: folder},
  ignoreDefaultArgs: popups ? [] : ['--disable-popup-blocking'],
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--disable-quic', '--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
});

let passed = 0, failed = 0;
export const must = (holds, what) => { if (!holds) throw new Error(what); };
export const step = async (name, body) => {
  // Far above what a step takes: one that hangs fails, and the rest still run.
  const limit = new Promise((_, no) => setTimeout(() => no(new Error('not within 90 s')), 90000).unref());
  try { await Promise.race([body(), limit]); passed++; console.log(`ok   ${name}`); } catch (error) { failed++; console.log(`FAIL ${name}: ${error.message.split('\n')[0]}`); }
};

// Says how many passed and ends the program by it.
export const finish = () => {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
};

// playwright's own wait for a function needs eval, which the page's policy forbids.
export const until = async (holds, what) => {
  for (const deadline = Date.now() + 20000; !(await holds());) {
    must(Date.now() < deadline, what);
    await new Promise((ok) => setTimeout(ok, 50));
  }
};

// A page whose meetings are answered here, and all that it complained about.
export const open = async (browser, options = {}) => {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(20000);
  await context.route('https://8x8.vc/**', (route) => route.fulfill({status: 200, contentType: 'text/html', body: '<title>meeting</title>'}));
  const page = await context.newPage(), complaints = [];
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return {context, page, complaints};
};
export const quiet = (complaints) => must(complaints.length === 0, `the browser complained: ${complaints.join(' | ')}`);
export const fits = async (page) => must(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'wider than the screen');

export const PHONE = {viewport: {width: 390, height: 844}, isMobile: true, hasTouch: true, deviceScaleFactor: 2};
