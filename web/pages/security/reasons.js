/** What an anomaly is, and why it is one, in sentences of the page's language. Pure but for `t`. */

import { shown as shownName } from '../../lib/dns.js';
import { num } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';

/** @typedef {import('../../api/types.js').AnomalyOut} Anomaly */

/** A name without its final dot. @param {string} name */
const shown = (name) => shownName(name.replace(/(.)\.$/, '$1'));

export const KINDS = ['high_frequency', 'nxdomain_flood', 'random_subdomains', 'tunnel', 'generated_names', 'beacon', 'rebinding', 'forged_replies'];

/** Reasons as the server writes them, and the strings for them. @type {[RegExp, string][]} */
const REASONS = [
  [/^([\d.]+) queries a minute$/, 'rate'],
  [/^([\d.]+) times the busiest minute so far$/, 'times'],
  [/^for ([\d.]+) minutes in a row$/, 'minutes'],
  [/^([\d.]+) answers NXDOMAIN$/, 'nx'],
  [/^([\d.]+) % of answers are NXDOMAIN$/, 'nxshare'],
  [/^about ([\d.]+) distinct names$/, 'distinct'],
  [/^([\d.]+) % of queries for a new name$/, 'new'],
  [/^([\d.]+) % of queries failed$/, 'failed'],
  [/^([\d.]+) % of queries not in the cache$/, 'miss'],
  [/^about ([\d.]+) clients$/, 'clients'],
  [/^labels look ([\d.]+) % random$/, 'random'],
  [/^([\d.]+) octets in front of the registrable name in the mean$/, 'length'],
  [/^([\d.]+) bits of entropy an octet$/, 'entropy'],
  [/^([\d.]+) octets in names$/, 'up'],
  [/^([\d.]+) octets in answers$/, 'down'],
  [/^([\d.]+) % of queries of types that carry data$/, 'payload'],
  [/^([\d.]+) registrable names that do not exist$/, 'zones'],
  [/^([\d.]+) % of the registrable names asked for$/, 'zoneshare'],
  [/^every ([\d.]+) seconds$/, 'interval'],
  [/^([\d.]+) % jitter$/, 'jitter'],
  [/^([\d.]+) intervals in a row$/, 'alike'],
  [/^TTL ([\d.]+)$/, 'ttl'],
  [/^answer has the private address (\S+)$/, 'private'],
  [/^the zone has public addresses too$/, 'public'],
  [/^([\d.]+) replies that do not belong to a question$/, 'replies'],
];

/**
 * A reason as a sentence; as the server wrote it if it is a new one.
 * @param {string} reason
 * @returns {string}
 */
export function reasonWords(reason) {
  for (const [pattern, key] of REASONS) {
    const found = pattern.exec(reason);
    if (!found) continue;
    const value = found[1] ?? '';
    return t(`security.reason.${key}`, { x: /^\d+(\.\d+)?$/.test(value) ? num(Number(value)) : value });
  }
  return reason;
}

/**
 * Whom it is about: a device, a client, a name or a server.
 * @param {Anomaly} anomaly
 * @returns {string}
 */
export function subjectOf({ device, client, zone, server }) {
  return device ?? client ?? (zone ? shown(zone) : server) ?? '–';
}

/**
 * An anomaly as a sentence.
 * @param {Anomaly} anomaly
 * @returns {string}
 */
export function anomalyWords(anomaly) {
  const who = anomaly.device ?? anomaly.client ?? '';
  const zone = anomaly.zone ? shown(anomaly.zone) : '';
  const known = KINDS.includes(anomaly.kind) ? anomaly.kind : 'other';
  const part = who && zone ? 'both' : who ? 'who' : 'zone';
  const values = { who: who || anomaly.server || '–', zone: zone || anomaly.server || '–', kind: anomaly.kind };
  return t(`security.is.${known}${['tunnel', 'beacon', 'rebinding'].includes(known) ? `.${part}` : ''}`, values);
}

/**
 * A kind in words.
 * @param {string} kind
 * @returns {string}
 */
export const kindWords = (kind) => (KINDS.includes(kind) ? t(`security.kind.${kind}`) : kind);
