// What holds of every page of the launcher, and how a page and its meeting are found.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';

import {fits, must} from './chromium.mjs';

export const MEETING = /^https:\/\/8x8\.vc\/vpaas-magic-cookie-123456\//;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SIZES = {desktop: {width: 1280, height: 800}, phone: {width: 390, height: 844}, zoomed: {width: 320, height: 256}};
const KEPT = ['light-desktop', 'dark-phone', 'light-zoomed'];

// Everything that holds of every page, whatever state it is in.
export const judge = async (page, name, shots) => {
  const before = page.viewportSize(), mobile = await page.evaluate(() => matchMedia('(pointer: coarse)').matches);
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({colorScheme: scheme});
    for (const [size, viewport] of Object.entries(SIZES)) {
      if (mobile && size === 'desktop') continue;
      await page.setViewportSize(viewport);
      const where = `${scheme}-${size}`;
      await page.evaluate(axe);
      const {violations, incomplete} = await page.evaluate(() => window.axe.run(document, {resultTypes: ['violations', 'incomplete']}));
      const said = [...violations, ...incomplete].map(({id, nodes}) => `${id} at ${nodes.map(({target}) => target).join(' ')}`);
      must(said.length === 0, `${name} ${where}: axe says ${said.join('; ')}`);
      await fits(page);
      const small = await page.locator('a:visible, button:visible, input:visible').evaluateAll((all) =>
        all.filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.outerHTML));
      must(small.length === 0, `${name} ${where}: small for a finger: ${small}`);
      if (KEPT.includes(where)) await page.screenshot({path: path.join(shots, `meeting-${name}-${where}.png`), fullPage: true});
    }
  }
  await page.emulateMedia({colorScheme: null});
  if (before) await page.setViewportSize(before);
  const foreign = await page.evaluate(() => performance.getEntriesByType('resource').map(({name}) => name).filter((name) => !name.startsWith(`${location.origin}/`)));
  must(foreign.length === 0, `${name} loads ${foreign}`);
};

// The same of a page whose script never ran. axe needs timers, which stand still there: it is shown a copy without the script.
export const judgeStill = async (page, name, shots) => {
  const copy = await page.context().browser().newContext();
  const still = await copy.newPage();
  await still.setContent((await page.content()).replace(/<script.*?<\/script>/gs, ''));
  await judge(still, name, shots);
  await copy.close();
};

export const link = (page) => page.locator('#open');
export const shows = (page, text) => page.getByText(text).locator('visible=true').first().waitFor();
export const windowOf = (context, page) => context.waitForEvent('page', (other) => other !== page);
export const meetingOf = async (opened) => {
  const page = await opened;
  await page.waitForURL(MEETING);
  return page.url();
};
