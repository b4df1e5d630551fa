// A browser for the tests and the pictures: pages that are logged in, and what went on in them that should not.

import { chromium } from 'playwright-core';

import { ADMIN, PATIENCE_MS, until } from './harness.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').Browser} Browser */

export const PHONE = { width: 390, height: 844 };
export const WIDE = { width: 1440, height: 900 };

/** Every page and tab, as routes; `name` is also that of its pictures. @type {{name: string, route: string, api?: string}[]} */
export const PAGES = [
  { name: 'live', route: '#/live' },
  { name: 'queries', route: '#/queries' },
  { name: 'queries-grouped', route: '#/queries?view=grouped' },
  { name: 'alerts', route: '#/alerts' },
  { name: 'zones', route: '#/zones' },
  { name: 'zone', route: '#/zones/example.org./records' },
  { name: 'zone-history', route: '#/zones/example.org./history' },
  { name: 'zone-dnssec', route: '#/zones/signed.example./dnssec' },
  { name: 'zone-unsigned', route: '#/zones/example.org./dnssec' },
  { name: 'zone-transfers', route: '#/zones/remote.example.com./transfers' },
  { name: 'zone-settings', route: '#/zones/example.org./settings' },
  { name: 'dnssec', route: '#/dnssec' },
  { name: 'changes', route: '#/changes' },
  { name: 'upstreams', route: '#/upstreams' },
  { name: 'cache', route: '#/cache' },
  { name: 'blocking', route: '#/blocking' },
  { name: 'clients', route: '#/clients' },
  { name: 'security', route: '#/security' },
  { name: 'config', route: '#/config' },
  { name: 'access', route: '#/access' },
  { name: 'access-sessions', route: '#/access/sessions' },
  { name: 'access-history', route: '#/access/history' },
  { name: 'system', route: '#/system' },
];

export function openBrowser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/**
 * What the browser says by itself where a request fails on purpose.
 * @param {string} text
 */
const isRequest = (text) => text.startsWith('Failed to load resource') || /WebSocket connection to .* failed/.test(text);

/**
 * @typedef {object} Faults what should not be
 * @property {string[]} messages of the console, and errors that nobody caught
 * @property {string[]} csp what the policy of the page did not allow
 * @property {string[]} foreign requests to others
 */

/**
 * @param {Browser} browser
 * @param {{url: string}} server
 * @param {{size?: {width: number, height: number}, theme?: 'light'|'dark', who?: {user: string, password: string}|null, touch?: boolean, failing?: boolean, context?: object}} [options]
 *   `who`: null: nobody is logged in; `failing`: requests fail on purpose
 */
export async function openPage(browser, server, { size = WIDE, theme = 'light', who = ADMIN, touch = false, failing = false, context: more = {} } = {}) {
  const context = await browser.newContext({ viewport: size, colorScheme: theme, reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'Europe/Berlin', hasTouch: touch, isMobile: touch, ...more });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addInitScript(() => {
    const seen = /** @type {string[]} */ ((/** @type {any} */ (window)).cspReports = []);
    document.addEventListener('securitypolicyviolation', (event) => seen.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
  });
  if (who) await logIn(context, server, who);
  const page = await context.newPage();
  const faults = /** @type {Faults} */ ({ messages: [], csp: [], foreign: [] });
  page.on('console', (message) => {
    if (!(failing || !who) || !isRequest(message.text())) faults.messages.push(`${message.type()}: ${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => faults.messages.push(`uncaught: ${error.stack ?? error}`));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== server.url && !/^(data|blob):/.test(request.url())) faults.foreign.push(request.url());
  });
  return Object.assign(page, { faults, close: () => context.close() });
}

/** @param {import('playwright-core').BrowserContext} context @param {{url: string}} server @param {{user: string, password: string}} who */
export async function logIn(context, server, who) {
  const answer = await context.request.post(`${server.url}/api/v1/session`, { data: who, headers: { 'X-Headwater': '1' } });
  if (!answer.ok()) throw new Error(`log-in of ${who.user}: ${answer.status()} ${await answer.text()}`);
}

/**
 * Goes to a page of the dashboard, and waits until it has what it shows.
 * @param {Page} page
 * @param {{url: string}} server
 * @param {string} route
 */
export async function visit(page, server, route) {
  const here = page.url().startsWith(`${server.url}/`);
  if (here) await page.evaluate((hash) => { location.hash = hash; }, route);
  else await page.goto(`${server.url}/${route}`);
  await settled(page);
}

/** Waits until nothing on the page loads any more. @param {Page} page @param {string} [within] */
export async function settled(page, within = 'main') {
  await page.locator(`${within} h1`).first().waitFor();
  await until('the page to have loaded', async () => {
    const busy = () => page.evaluate(() => [...document.querySelectorAll('main [aria-busy=true], dialog [aria-busy=true], main .loading')].map((element) => element.className).join(' | '));
    const before = await busy();
    if (before !== '') throw new Error(`still busy: ${before}`);
    // Twice, since what comes next may begin to load only now.
    await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));
    return (await busy()) === '';
  });
}

/** What went wrong on the page so far, in one list. @param {Page & {faults: Faults}} page */
export async function faultsOf(page) {
  const csp = await page.evaluate(() => /** @type {any} */ (window).cspReports);
  const { messages, foreign } = page.faults;
  return [...messages, ...csp.map((/** @type {string} */ report) => `policy: ${report}`), ...foreign.map((url) => `request to ${url}`)];
}

/** How far the page could be scrolled sideways, and what reaches out of it. @param {Page} page */
export function overhang(page) {
  return page.evaluate(() => {
    const wide = document.documentElement.clientWidth;
    const over = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - wide;
    if (over <= 0) return null;
    const guilty = [...document.querySelectorAll('body *:not(svg *)')].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.width > 0 && box.right > wide + 1 && ![...element.children].some((child) => child.getBoundingClientRect().right > wide + 1);
    });
    return `${over} px: ${guilty.slice(0, 4).map((element) => `${element.tagName.toLowerCase()}.${element.getAttribute('class') ?? ''} “${element.textContent?.trim().slice(0, 20)}”`).join(', ')}`;
  });
}
