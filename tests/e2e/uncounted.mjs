// The launcher's pages while the month's users cannot be counted: node uncounted.mjs BASE-OF-CHAT ROOT.pem FOLDER-FOR-SCREENSHOTS
// meetings.sh has the configuration, and spoils the ledger. The last line is 'N passed, N failed'.
import {finish, home as homeFor, launch, must, open, step} from './chromium.mjs';
import {judge, meetingOf, shows, windowOf} from './pages.mjs';

const [chat, root, shots] = process.argv.slice(2);
const home = homeFor(root);
const browser = await launch(home, true);
try {
  await step('where the budget only warns, meetings go on uncounted, and moderators are told', async () => {
    const {context, page} = await open(browser);
    const meeting = meetingOf(windowOf(context, page));
    await page.goto(`${chat}/near/Planning`);
    await shows(page, 'cannot be counted');
    await meeting;
    await judge(page, 'budget-uncounted', shots);
    await context.close();
  });

  await step('where a full month turns people away, none opens, and the page says whom to tell', async () => {
    const {context, page} = await open(browser);
    const answer = await page.goto(`${chat}/full/Planning`);
    must(answer.status() === 503, `status ${answer.status()}`);
    await shows(page, 'No meeting can be opened now');
    await judge(page, 'ledger-down', shots);
    must(await page.getByRole('link', {name: 'Try again'}).getAttribute('href') === '/full/Planning', 'it leads elsewhere');
    await context.close();
  });
} finally { await browser.close(); home.tidy(); }

finish();
