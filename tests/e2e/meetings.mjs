// The launcher's pages in Chromium: node meetings.mjs BASE-OF-CHAT BASE-OF-MEET CHAT-ITSELF ROOT.pem FOLDER-FOR-SCREENSHOTS
// meetings.sh has the configuration; INVITATION and SHORT are links by `gatepost invite`. The last line is 'N passed, N failed'.
import crypto from 'node:crypto';

import {PHONE, finish, home as homeFor, launch, must, open, quiet, step, until} from './chromium.mjs';
import {MEETING, judge as judgeFor, judgeStill as judgeStillFor, link, meetingOf, shows, windowOf} from './pages.mjs';

const [chat, meet, standin, root, shots] = process.argv.slice(2);
const {INVITATION, SHORT, PLUGIN_SECRET} = process.env;
const home = homeFor(root);
const judge = (page, name) => judgeFor(page, name, shots);
const judgeStill = (page, name) => judgeStillFor(page, name, shots);
const DESKTOP_APP = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Electron/38.1.0 Safari/537.36 Mattermost/6.3.0';
const ANDROID = {...PHONE, userAgent: 'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36'};

const claims = (address) => JSON.parse(Buffer.from(new URL(address).searchParams.get('jwt').split('.')[1], 'base64url'));
// The page's own question, answered "nobody", is a line in the browser's console.
const asked = (complaints) => complaints.filter((text) => !/status of 401/.test(text));
const must200 = (answer) => must(answer.status() === 200, `status ${answer.status()}`);
const token = (room, exp) => {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode({alg: 'HS256', typ: 'JWT'})}.${encode({iss: 'jitsi', aud: ['jitsi'], sub: 'meet', room, exp})}`;
  return `${text}.${crypto.createHmac('sha256', PLUGIN_SECRET).update(text).digest('base64url')}`;
};
const logIn = async (page, user) => {
  await page.getByLabel('User').fill(user);
  await page.getByLabel('Password').fill('secret-pass-1');
  await page.getByRole('button').click();
  await page.getByText(`Signed in as ${user}`).waitFor();
};
const signedIn = async (browser, user, options) => {
  const opened = await open(browser, options);
  await opened.page.goto(`${chat}/login`);
  await logIn(opened.page, user);
  return opened;
};
const moved = () => {
  window.moved = 0;
  new PerformanceObserver((list) => { for (const shift of list.getEntries()) window.moved += shift.value; }).observe({type: 'layout-shift', buffered: true});
};

let browser = await launch(home, true);
try {
  await step('without a room the page waits for one', async () => {
    const {context, page, complaints} = await open(browser);
    must200(await page.goto(`${chat}/open/`));
    await judge(page, 'waiting');
    quiet(complaints);
    await context.close();
  });

  await step('the meeting opens by itself, and nothing on the page moves meanwhile', async () => {
    const {context, page, complaints} = await open(browser);
    await page.addInitScript(moved);
    const meeting = meetingOf(windowOf(context, page));
    await page.goto(`${chat}/open/Planning`);
    await shows(page, 'Launching meeting…');
    await shows(page, 'Meeting launched');
    must(await page.evaluate(() => window.moved) === 0, 'something moved');
    must(claims(await meeting).room === 'Planning', 'another room');
    await judge(page, 'launched');
    quiet(complaints);
    await context.close();
  });

  await step('the topic goes along from the fragment, and nothing else from there does', async () => {
    for (const [fragment, carried] of [
      ['#config.callDisplayName=%22Plan%20%26%20%22', '#config.callDisplayName=%22Plan%20%26%20%22'],
      ['#userInfo.displayName=%22root%22&config.callDisplayName=%22Zo%C3%AB%20%5C%22%5C%22%22&jwt=x', '#config.callDisplayName=%22Zo%C3%AB%20%5C%22%5C%22%22'],
      ['#config.callDisplayName={%22a%22:1}', ''],
      ['#config.callDisplayName=5', ''],
      ['#config.callDisplayName=%22', ''],
      ['#config.callDisplayName=%E4%22', ''],
      [`#config.callDisplayName=%22${'x'.repeat(201)}%22`, ''],
      [`#config.callDisplayName=%22${'x'.repeat(200)}%22`, `#config.callDisplayName=%22${'x'.repeat(200)}%22`],
      ['#config.prejoinConfig.enabled=false', ''],
    ]) {
      const {context, page, complaints} = await open(browser);
      const meeting = meetingOf(windowOf(context, page));
      await page.goto(`${chat}/open/Planning${fragment}`);
      const got = new URL(await meeting).hash;
      must(got === carried, `${fragment} became ${got}`);
      must(await link(page).evaluate((one) => one.hash) === carried, 'the link has another');
      quiet(complaints);
      await context.close();
    }
  });

  await step('script, long names and names from right to left stay text', async () => {
    for (const [name, room] of [['long', `team-channel-${'x'.repeat(140)}`], ['rtl', 'פגישת-צוות-שבועית'], ['script', '</h1><img src=x onerror=alert(1)>{room}']]) {
      const {context, page, complaints} = await open(browser, {javaScriptEnabled: name === 'script' ? undefined : false});
      await page.goto(`${chat}/open/${encodeURIComponent(room)}`);
      must(await page.locator('img').count() === 0, 'a name became an element');
      must(await page.locator('p bdi').first().innerText() !== '', 'no name');
      if (name !== 'script') await judgeStill(page, `name-${name}`);
      quiet(complaints);
      await context.close();
    }
  });

  await step('without script the link leads to the meeting', async () => {
    const {context, page} = await open(browser, {javaScriptEnabled: false});
    await page.goto(`${chat}/open/Planning`);
    await shows(page, 'OPEN MEETING MANUALLY');
    await judgeStill(page, 'ready-without-script');
    const meeting = meetingOf(windowOf(context, page));
    await link(page).click();
    await meeting;
    await context.close();
  });

  await step('a phone is offered the app first and the browser second', async () => {
    const {context, page, complaints} = await open(browser, ANDROID);
    const windows = [];
    context.on('page', (other) => windows.push(other));
    await page.goto(`${chat}/open/Planning`);
    const [first, second] = await page.locator('a').evaluateAll((all) => all.map((one) => one.getAttribute('href')));
    must(/^intent:\/\/8x8\.vc\//.test(first) && MEETING.test(second), `${first} ${second}`);
    must(windows.length === 0, 'a window opened');
    await judge(page, 'phone');
    const meeting = meetingOf(windowOf(context, page));
    await link(page).tap();
    await meeting;
    quiet(complaints);
    await context.close();
  });

  await step('nobody signed in: the login opens in a second tab, and the first goes on to the meeting by itself', async () => {
    const {context, page, complaints} = await open(browser);
    await page.goto(`${chat}/jitsi/Planning`);
    await shows(page, 'goes on to the meeting by itself');
    await judge(page, 'sign-in');
    const login = windowOf(context, page);
    await page.getByRole('link', {name: 'Sign in to Mattermost'}).click();
    const second = await login;
    const meeting = windowOf(context, (other) => other);
    await logIn(second, 'alice');
    await page.bringToFront();
    const {context: {user}} = claims(await meetingOf(meeting));
    must(user.name === 'Alice 日本' && user.moderator === 'true', JSON.stringify(user));
    must(page.url() === `${chat}/jitsi/Planning`, page.url());
    quiet(asked(complaints));
    await context.close();
  });

  await step('the same without script, by the link', async () => {
    const {context, page} = await open(browser, {javaScriptEnabled: false});
    await page.goto(`${chat}/jitsi/Planning`);
    await judgeStill(page, 'sign-in-without-script');
    const login = windowOf(context, page);
    await page.getByRole('link', {name: 'Sign in to Mattermost'}).click();
    await logIn(await login, 'root');
    await page.getByRole('link', {name: 'Signed in already?'}).click();
    const meeting = meetingOf(windowOf(context, page));
    await link(page).click();
    must(claims(await meeting).context.user.name === 'root', 'another name');
    await context.close();
  });

  await step('by keyboard alone: to the login and to the meeting', async () => {
    const {context, page} = await open(browser);
    const focused = (of) => of.evaluate(() => ({text: document.activeElement.textContent.trim(), ring: parseFloat(getComputedStyle(document.activeElement).outlineWidth)}));
    await page.goto(`${chat}/jitsi/Planning`);
    await page.keyboard.press('Tab');
    const {text, ring} = await focused(page);
    must(text.startsWith('Sign in to Mattermost') && ring >= 2, `${text}, ring ${ring}`);
    const login = windowOf(context, page);
    await page.keyboard.press('Enter');
    const second = await login;
    await second.getByLabel('User').focus();
    for (const key of ['alice', 'Tab', 'secret-pass-1', 'Enter']) await (key.length > 5 || key === 'alice' ? second.keyboard.type(key) : second.keyboard.press(key));
    await second.getByText('Signed in as alice').waitFor();
    await page.bringToFront();
    await page.keyboard.press('Tab');
    must((await focused(page)).text.startsWith('Signed in already?'), 'the focus goes astray');
    await page.keyboard.press('Enter');
    await shows(page, 'Meeting launched');
    await page.keyboard.press('Tab');
    const button = await focused(page);
    must(button.ring >= 2, 'no ring around the button');
    const meeting = meetingOf(windowOf(context, page));
    await page.keyboard.press('Enter');
    await meeting;
    await context.close();
  });

  await step('a guest fills in the form by keyboard alone, and is told at the field what is wrong', async () => {
    const {context, page, complaints} = await open(browser);
    await page.goto(`${chat}/jitsi/Planning`);
    await page.getByRole('link', {name: 'Join as a guest'}).click();
    const focus = () => page.evaluate(() => document.activeElement.id);
    must(await focus() === 'name', 'the name has no focus');
    await judge(page, 'guest');
    for (const [name, passcode, field, words, state] of [
      ['   ', 'sesame', 'name', 'Type your name', 'guest-name-missing'],
      ['x'.repeat(300), 'sesame', 'name', 'too long', 'guest-name-long'],
      ['Zoë', 'wrong', 'passcode', 'not the passcode', 'guest-passcode'],
    ]) {
      await page.getByLabel('Your name').fill(name);
      await page.getByLabel('Passcode').fill(passcode);
      await page.keyboard.press('Enter');
      await page.getByRole('alert').getByText(words).waitFor();
      must(await focus() === field, `${state}: the focus is at ${await focus()}`);
      must(await page.locator(`#${field}`).getAttribute('aria-invalid') === 'true', `${state}: not marked`);
      must(await page.getByLabel('Passcode').inputValue() === '', 'the passcode came back');
      await judge(page, state);
    }
    must(await page.getByLabel('Your name').inputValue() === 'Zoë', 'what was typed is gone');
    const meeting = meetingOf(windowOf(context, page));
    await page.keyboard.type('sesame');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const {context: {user}} = claims(await meeting);
    must(user.name === 'Zoë' && user.moderator === 'false', JSON.stringify(user));
    quiet(complaints.filter((text) => !/status of 40[013]/.test(text)));
    await context.close();
  });

  await step('without script a guest gets in too', async () => {
    const {context, page} = await open(browser, {javaScriptEnabled: false});
    await page.goto(`${chat}/jitsi/-/guest/Planning`);
    await page.getByLabel('Your name').fill('Zoë');
    await page.getByLabel('Passcode').fill('sesame');
    await page.getByRole('button').click();
    const meeting = meetingOf(windowOf(context, page));
    await link(page).click();
    must(claims(await meeting).context.user.name === 'Zoë', 'another name');
    await context.close();
  });

  await step('a form without its cookie says so, and works once cookies are kept', async () => {
    const {context, page} = await open(browser);
    await page.goto(`${chat}/haus/-/guest/Planning`);
    await context.clearCookies();
    await page.locator('#name').fill('Zoë');
    await page.getByRole('button').click();
    await page.getByRole('alert').waitFor();
    await judge(page, 'guest-cookies');
    const meeting = meetingOf(windowOf(context, page));
    await page.getByRole('button').click();
    await meeting;
    await context.close();
  });

  await step('too many tries are asked to wait', async () => {
    const {context, page} = await open(browser);
    await page.goto(`${chat}/once/-/guest/Planning`);
    for (const wait of [false, true]) {
      await page.getByLabel('Your name').fill('   ');
      await page.getByRole('button').click();
      await page.getByRole('alert').getByText(wait ? /Wait \d+ s/ : 'Type your name').waitFor();
    }
    await judge(page, 'guest-too-many-tries');
    await context.close();
  });

  await step('in redirect mode the form leads to the meeting: the policy lets it', async () => {
    const {context, page, complaints} = await open(browser);
    await page.goto(`${chat}/redirect/-/guest/Planning`);
    await page.getByLabel('Your name').fill('Zoë');
    await page.getByRole('button').click();
    await page.waitForURL(MEETING);
    quiet(complaints);
    await context.close();
  });

  await step('an invitation lets one device in, another is told that it is used', async () => {
    const first = await open(browser);
    await first.page.goto(INVITATION);
    await judge(first.page, 'invitation');
    await first.page.getByLabel('Your name').fill('Zoë');
    const meeting = meetingOf(windowOf(first.context, first.page));
    await first.page.getByRole('button').click();
    must(claims(await meeting).room === 'Planning', 'another room');
    const second = await open(browser);
    await second.page.goto(INVITATION);
    await second.page.getByLabel('Your name').fill('Eve');
    await second.page.getByRole('button').click();
    await shows(second.page, 'This invitation has been used');
    await judge(second.page, 'invitation-used');
    await second.page.goto(`${INVITATION.slice(0, -2)}xx`);
    await shows(second.page, 'This is not an invitation');
    await judge(second.page, 'invitation-forged');
    await until(async () => { await second.page.goto(SHORT); return await second.page.getByText('has expired').count() > 0; }, 'it does not end');
    await judge(second.page, 'invitation-expired');
    for (const {context} of [first, second]) await context.close();
  });

  await step('moderators are told of the budget, near its end and past it', async () => {
    for (const [state, words] of [['budget-none', null], ['budget-near', '2 of this month'], ['budget-over', 'this month has 3 users']]) {
      const {context, page} = await open(browser);
      await page.goto(`${chat}/near/Planning`);
      if (words === null) must(await page.locator('.notice').count() === 0, 'told too early');
      else {
        await shows(page, words);
        await judge(page, state);
      }
      await context.close();
    }
  });

  await step('a full month lets in who was in it, turns away who was not, and says until when', async () => {
    const [known, late] = [await open(browser), await open(browser)];
    const meeting = meetingOf(windowOf(known.context, known.page));
    await known.page.goto(`${chat}/full/Planning`);
    await meeting;
    await late.page.goto(`${chat}/full/Planning`);
    await shows(late.page, "This month's meetings are used up");
    must(await late.page.locator('time').getAttribute('datetime').then((day) => /^\d{4}-\d\d-01$/.test(day)), 'no day');
    await judge(late.page, 'full');
    const again = meetingOf(windowOf(known.context, known.page));
    await known.page.reload();
    await again;
    for (const {context} of [known, late]) await context.close();
  });

  await step('past the limit the meeting opens elsewhere, and the page says where', async () => {
    const [known, late] = [await open(browser), await open(browser)];
    await known.page.goto(`${chat}/over/Planning`);
    const meeting = meetingOf(windowOf(late.context, late.page));
    await late.page.goto(`${chat}/over/Planning`);
    await shows(late.page, 'users are used up');
    await meeting;
    await judge(late.page, 'elsewhere');
    for (const {context} of [known, late]) await context.close();
  });

  await step('a Mattermost that does not answer: the page says so, and trying again works', async () => {
    const {context, page} = await signedIn(browser, 'alice');
    await fetch(`${standin}/standin/asleep`, {method: 'POST'});
    try {
      const answer = await page.goto(`${chat}/jitsi/Planning`);
      must(answer.status() === 502 || answer.status() === 503, `status ${answer.status()}`);
      await shows(page, 'Mattermost does not answer');
      await judge(page, 'unreachable');
    } finally { await fetch(`${standin}/standin/awake`, {method: 'POST'}); }
    const meeting = meetingOf(windowOf(context, page));
    await page.getByRole('link', {name: 'Try again'}).click();
    await meeting;
    await context.close();
  });

  await step('an address one letter off: the page says what was meant, and leads there', async () => {
    const {context, page, complaints} = await open(browser);
    await page.goto(`${chat}/jist/Planning`);
    await shows(page, 'Did you mean');
    await judge(page, 'meant');
    await page.getByRole('link').click();
    await shows(page, 'Sign in to join the meeting');
    quiet(asked(complaints).filter((text) => !/status of 404/.test(text)));
    await context.close();
  });

  await step('on a host of its own the page says to open the link from Mattermost, and that an old link is old', async () => {
    const {context, page} = await open(browser);
    await page.goto(`${meet}/Planning`);
    await shows(page, 'from within Mattermost');
    await judge(page, 'own-host');
    await page.goto(`${meet}/Planning?jwt=${token('Planning', 1)}`);
    await shows(page, 'older than its time');
    await judge(page, 'own-host-old-link');
    await context.close();
  });

  await step('title, colours, logo and language are the launcher\'s own', async () => {
    const {context, page, complaints} = await open(browser);
    await page.goto(`${chat}/haus/Planning`);
    must(await page.getAttribute('html', 'lang') === 'de', 'not German');
    must(/Zum Teilnehmen bitte anmelden · Example Ltd/.test(await page.title()), await page.title());
    must(await page.locator('.logo').evaluate((logo) => logo.complete && logo.naturalWidth > 0), 'no logo');
    await judge(page, 'own-look');
    quiet(asked(complaints));
    await context.close();
  });
} finally { await browser.close(); }

browser = await launch(home, false);
try {
  await step('where popups are blocked the page says so, and the button opens the meeting', async () => {
    const {context, page, complaints} = await open(browser);
    await page.goto(`${chat}/open/Planning`);
    await shows(page, 'One more click');
    await judge(page, 'blocked');
    const meeting = meetingOf(windowOf(context, page));
    await link(page).click();
    await meeting;
    await shows(page, 'Meeting launched');
    quiet(complaints.filter((text) => !/popup/i.test(text)));
    await context.close();
  });

  await step('the desktop app opens the browser and gives no window: the page takes that for opened', async () => {
    const {context, page} = await open(browser, {userAgent: DESKTOP_APP});
    await page.goto(`${chat}/open/Planning`);
    await shows(page, 'Meeting launched');
    await shows(page, 'RE-OPEN MEETING MANUALLY');
    await context.close();
  });
} finally { await browser.close(); home.tidy(); }

finish();
