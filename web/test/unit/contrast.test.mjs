// Recomputes the contrasts of css/tokens.css (WCAG 2.2) and the distances between colours of charts.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const css = readFileSync(new URL('../../css/tokens.css', import.meta.url), 'utf8');

/** @param {RegExp} block */
function tokens(block) {
  const text = block.exec(css)?.[0] ?? '';
  return Object.fromEntries([...text.matchAll(/--([\w-]+):\s*(#[0-9A-Fa-f]{6})/g)].map(([, name, value]) => [name, value]));
}

const themes = {
  light: tokens(/:root \{\s*color-scheme: light;[^}]*\}/),
  dark: tokens(/:root\[data-theme=dark\] \{[^}]*\}/),
};

/** @param {string} hex */
const channels = (hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);

/** @param {number} value */
const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);

/** @param {string} hex */
function luminance(hex) {
  const [r, g, b] = channels(hex).map(linear);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {string} one @param {string} other */
function ratio(one, other) {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

const TEXT = 4.5;
const MARK = 3;

/** [colour, what it stands on, least]. */
const PAIRS = [
  ...['bg', 'surface', 'hover', 'sunken', 'raised', 'ok-soft', 'bad-soft', 'warn-soft', 'info-soft', 'accent-soft'].map((on) => ['text', on, TEXT]),
  ...['surface', 'hover', 'bg', 'raised', 'sunken', 'ok-soft', 'bad-soft', 'warn-soft', 'info-soft'].map((on) => ['text2', on, TEXT]),
  ...['surface', 'sunken', 'hover', 'bg', 'raised'].map((on) => ['text3', on, TEXT]),
  ...['surface', 'hover', 'raised'].map((on) => ['link', on, TEXT]),
  ['on-accent', 'accent', TEXT], ['on-accent', 'accent-hover', TEXT], ['on-bad', 'bad', TEXT], ['accent', 'accent-soft', TEXT],
  ...['ok', 'warn', 'bad', 'info', 'block'].flatMap((tone) => ['surface', `${tone}-soft`, 'hover', 'raised'].map((on) => [tone, on, TEXT])),
  ['add', 'ok-soft', TEXT], ['del', 'bad-soft', TEXT],
  ...['surface', 'bg', 'sunken', 'raised'].map((on) => ['control', on, MARK]),
  ...['surface', 'hover', 'accent-soft', 'bg', 'raised'].map((on) => ['focus', on, MARK]),
  ...['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6'].map((mark) => [mark, 'surface', MARK]),
];

for (const [theme, colours] of Object.entries(themes)) {
  test(`${theme}: text and marks can be told from what they stand on`, () => {
    const low = PAIRS.map(([colour, on, least]) => ({ colour, on, least, got: ratio(colours[colour], colours[on]) })).filter(({ got, least }) => !(got >= least));
    assert.deepEqual(low.map(({ colour, on, got }) => `${colour} on ${on}: ${got.toFixed(2)}`), []);
  });
}

/** @param {number[]} rgb linear */
function oklab([r, g, b]) {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

/** How colours look with a weak cone: matrices of Machado et al. 2009, severity 1. */
const SIGHT = {
  normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

/** @param {string} hex @param {number[][]} matrix */
function seen(hex, matrix) {
  const rgb = channels(hex).map(linear);
  return oklab(matrix.map((row) => Math.min(1, Math.max(0, row.reduce((sum, weight, index) => sum + weight * rgb[index], 0)))));
}

for (const [theme, colours] of Object.entries(themes)) {
  test(`${theme}: colours of charts can be told apart, whatever somebody's sight`, () => {
    const names = ['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6'];
    for (const [sight, matrix] of Object.entries(SIGHT)) {
      const points = names.map((name) => seen(colours[name], matrix));
      for (let one = 0; one < points.length; one += 1) {
        for (let other = one + 1; other < points.length; other += 1) {
          const distance = 100 * Math.hypot(...points[one].map((value, index) => value - points[other][index]));
          assert.ok(distance >= 8, `${sight}: ${names[one]} and ${names[other]} are ${distance.toFixed(1)} apart`);
        }
      }
    }
  });
}
