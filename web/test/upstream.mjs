// A server that others forward to: it knows every name, answers some slowly, and some not at all. Used by the harness.

import { createSocket } from 'node:dgram';
import { TYPES, answerTo, readQuestion } from './dns.mjs';

/** An address for each name, always the same. @param {string} name */
function addressOf(name) {
  let hash = 2166136261;
  for (const letter of name.toLowerCase()) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619) >>> 0;
  return hash;
}

/** @param {string} name @param {number} type @returns {{code?: number, type?: number, ttl?: number, records?: Buffer[]}} */
function known(name, type) {
  const lower = name.toLowerCase();
  const hash = addressOf(lower);
  if (/(^|\.)(nx|missing|wpad|old-printer)[-.\d]/.test(lower) || /\.(lan|local|corp)\.$/.test(lower)) return { code: 3 };
  if (/(^|\.)broken[-.]/.test(lower)) return { code: 2 };
  const ttl = 20 + (hash % 10) * 60;
  if (type === TYPES.A) return { type, ttl, records: [Buffer.from([198, 18 + (hash & 1), (hash >> 8) & 255, 1 + ((hash >> 16) % 250)])] };
  if (type === TYPES.AAAA && hash % 3) {
    const tail = Buffer.alloc(4);
    tail.writeUInt32BE(hash);
    return { type, ttl, records: [Buffer.concat([Buffer.from('20010db8000000010000000a', 'hex'), tail])] };
  }
  if (type === TYPES.TXT) return { type, ttl, records: [Buffer.from(`\x15v=spf1 mx -all example`)] };
  return { code: 0 };
}

/** How long an answer takes: a few milliseconds, far away names longer. @param {string} name */
function delayOf(name) {
  if (/(^|\.)slow[-.]/i.test(name)) return 350;
  return 1 + (addressOf(name.toLowerCase()) % 24);
}

/** @returns {Promise<{port: number, count: () => number, close: () => void}>} */
export function startUpstream() {
  const socket = createSocket('udp4');
  let count = 0;
  socket.on('message', (message, from) => {
    count += 1;
    const { name, type } = readQuestion(message);
    if (/(^|\.)silent[-.]/i.test(name)) return;
    setTimeout(() => socket.send(answerTo(message, known(name, type)), from.port, from.address, () => {}), delayOf(name)).unref();
  });
  socket.on('error', () => {});
  return new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve({ port: socket.address().port, count: () => count, close: () => socket.close() })));
}
