// Traffic as a household and a company make it, sent as real queries from addresses of 127/8, so that devices show. The
// same seed gives the same questions in the same order. Used by the tests, the pictures and `node web/test/seed.mjs`.

import { createSocket } from 'node:dgram';
import { TYPES, question } from './dns.mjs';

/** Numbers from 0 to 1, the same for a seed. @param {number} seed */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** What devices have in common. */
const COMMON = ['time.clockwork.example', 'captive.phonemaker.example', 'www.searchlight.example', 'ocsp.certhouse.example', 'fonts.typestack.example', 'cdn.pagecdn.example'];
const NEWS = ['www.morningpost.example', 'img.morningpost.example', 'static.dailyledger.example', 'api.weatherly.example', 'www.recipebox.example', 'maps.wayfinder.example'];
const SOCIAL = ['feed.chatterly.example', 'media.chatterly.example', 'edge.chatterly.example', 'push.messages.example', 'api.photowall.example'];
const VIDEO = ['api.streambox.example', 'cdn1.streambox.example', 'cdn2.streambox.example', 'cdn3.streambox.example', 'thumbs.vidloop.example'];
const ADS = ['ads.bannerhouse.example', 'pixel.bannerhouse.example', 'track.metricmill.example', 'beacon.metricmill.example', 'sync.adexchange.example', 'telemetry.tvmaker.example', 'log.tvmaker.example'];
const WORK = ['mail.company.example', 'git.company.example', 'vpn.company.example', 'teams.meetings.example', 'edge.meetings.example', 'docs.officecloud.example', 'login.officecloud.example', 'registry.packages.example', 'api.tickets.example'];
const SERVERS = ['db1.corp.example.net', 'db2.corp.example.net', 'mirror.packages.example', 'hooks.tickets.example', 'smtp.company.example', 'metrics.company.example', 'nx-old.corp.example.net'];

/**
 * @typedef {object} Asker
 * @property {string} address
 * @property {string} device its name in the seeded devices; empty: it has none
 * @property {number} weight how much it asks, beside the others
 * @property {[string[], number][]} habits what it asks for, with weights
 */

/** A household of nine. @type {Asker[]} */
export const HOUSEHOLD = [
  { address: '127.0.10.2', device: 'anna-phone', weight: 9, habits: [[SOCIAL, 6], [NEWS, 4], [COMMON, 3], [ADS, 3]] },
  { address: '127.0.10.3', device: 'anna-laptop', weight: 10, habits: [[NEWS, 6], [WORK, 6], [COMMON, 4], [ADS, 2]] },
  { address: '127.0.10.4', device: 'ben-phone', weight: 7, habits: [[SOCIAL, 6], [VIDEO, 3], [COMMON, 3], [ADS, 4]] },
  { address: '127.0.10.5', device: 'tv', weight: 12, habits: [[VIDEO, 9], [ADS, 7], [COMMON, 1]] },
  { address: '127.0.10.6', device: 'kids-tablet', weight: 6, habits: [[VIDEO, 5], [ADS, 5], [COMMON, 2]] },
  { address: '127.0.10.7', device: 'the-thermostat-and-heating-controller-in-the-hallway-upstairs', weight: 2, habits: [[['api.warmhome.example', 'time.clockwork.example'], 5]] },
  { address: '127.0.10.8', device: 'printer', weight: 1, habits: [[['wpad.home.arpa', 'old-printer.lan', 'firmware.printco.example'], 5]] },
  { address: '127.0.10.9', device: '', weight: 3, habits: [[COMMON, 4], [SOCIAL, 2], [ADS, 1]] },
  { address: '127.0.10.23', device: '', weight: 1, habits: [[['broken-cloud.lightbulbs.example', 'api.lightbulbs.example'], 5]] },
];

/** A company: thirty desks and four servers. @type {Asker[]} */
export const COMPANY = [
  ...Array.from({ length: 30 }, (_, index) => ({
    address: `127.0.20.${10 + index}`,
    device: index < 12 ? `desk-${String(index + 1).padStart(2, '0')}` : '',
    weight: 2 + (index % 4),
    habits: /** @type {[string[], number][]} */ ([[WORK, 9], [COMMON, 3], [NEWS, 2], [ADS, 1]]),
  })),
  { address: '127.0.20.100', device: 'mail-gateway', weight: 14, habits: [[SERVERS, 3], [['zen.blocklist.example', 'nx-1.blocklist.example', 'nx-2.blocklist.example', 'slow-relay.partners.example'], 5]] },
  { address: '127.0.20.101', device: 'ci-runner', weight: 10, habits: [[SERVERS, 8], [['registry.packages.example', 'git.company.example'], 5]] },
  { address: '127.0.20.102', device: '', weight: 5, habits: [[SERVERS, 8]] },
  { address: '127.0.20.103', device: 'backup', weight: 3, habits: [[['db1.corp.example.net', 'slow-vault.storage.example'], 4]] },
];

/** @template T @param {() => number} random @param {[T, number][]} of */
function pick(random, of) {
  let left = random() * of.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [one, weight] of of) if ((left -= weight) < 0) return one;
  return of[of.length - 1][0];
}

/**
 * Questions in their order.
 * @param {{seed?: number, count: number, askers?: Asker[], own?: string[]}} options `own`: names of zones that the server serves
 */
export function* questions({ seed = 7, count, askers = [...HOUSEHOLD, ...COMPANY], own = ['www.example.org', 'mail.example.org', 'example.org'] }) {
  const random = randomOf(seed);
  const weighted = /** @type {[Asker, number][]} */ (askers.map((asker) => [asker, asker.weight]));
  const types = /** @type {[keyof typeof TYPES, number][]} */ ([['A', 60], ['AAAA', 25], ['HTTPS', 10], ['TXT', 1], ['PTR', 1], ['MX', 1]]);
  for (let made = 0; made < count; made += 1) {
    const asker = pick(random, weighted);
    const names = random() < 0.08 ? own : pick(random, asker.habits);
    // A few of the names are asked for much more than the others.
    const name = names[Math.floor(names.length * random() ** 1.7)];
    yield { from: asker.address, name, type: pick(random, types) };
  }
}

/**
 * Sends questions and waits for their answers, a bounded number at a time.
 * @param {{port: number, count: number, seed?: number, rate?: number, sway?: number, askers?: Asker[], signal?: AbortSignal}} options
 *   `rate`: how many a second, at most; left out: as many as are answered; `sway`: how much more or less at times, 0 to 1
 * @returns {Promise<{sent: number, answered: number}>}
 */
export async function sendTraffic({ port, count, seed, rate, sway = 0, askers, signal }) {
  const senders = new Map();
  const begun = Date.now();
  let [sent, answered] = [0, 0];
  const sender = (/** @type {string} */ from) => {
    let known = senders.get(from);
    if (!known) senders.set(from, (known = openSender(from, () => (answered += 1))));
    return known;
  };
  for (const { from, name, type } of questions({ seed, count, askers })) {
    if (signal?.aborted) break;
    const { socket, ready } = sender(from);
    await ready;
    socket.send(question(name, TYPES[type], sent & 0xffff), port, '127.0.0.1');
    sent += 1;
    const ahead = () => (rate ? sent > due((Date.now() - begun) / 1000, rate, sway) : sent - answered > 200);
    for (let waited = 0; ahead() && (rate || waited < 200) && !signal?.aborted; waited += 1) await new Promise((done) => setTimeout(done, rate ? 4 : 2));
  }
  for (let waited = 0; answered < sent * 0.99 && waited < 100; waited += 1) await new Promise((done) => setTimeout(done, 20));
  for (const { socket } of senders.values()) socket.close();
  return { sent, answered };
}

/** How many queries there are after so many seconds, in waves of a quarter of a minute. @param {number} seconds @param {number} rate @param {number} sway */
function due(seconds, rate, sway) {
  const turn = (2 * Math.PI) / 15;
  return rate * (seconds + (sway / turn) * (1 - Math.cos(turn * seconds)));
}

/** @param {string} from @param {() => void} onAnswer */
function openSender(from, onAnswer) {
  const socket = createSocket('udp4');
  socket.on('message', onAnswer);
  socket.on('error', () => {});
  return { socket, ready: new Promise((resolve) => socket.bind(0, from, () => resolve(undefined))) };
}
