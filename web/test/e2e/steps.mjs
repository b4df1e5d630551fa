// Counts what a person does: a press of a button, a field that is filled, a key.

import assert from 'node:assert/strict';

export class Steps {
  /** @param {import('playwright-core').Page} page */
  constructor(page) {
    this.page = page;
    /** @type {string[]} */
    this.done = [];
  }

  /** @param {import('playwright-core').Locator} target */
  async click(target) {
    await target.click();
    this.done.push(`click ${target}`);
  }

  /** As a finger does. @param {import('playwright-core').Locator} target */
  async tap(target) {
    await target.tap();
    this.done.push(`tap ${target}`);
  }

  /** @param {import('playwright-core').Locator} target @param {string} text */
  async fill(target, text) {
    await target.fill(text);
    this.done.push(`fill ${target}`);
  }

  /** @param {number} most @param {string} what */
  atMost(most, what) {
    assert.ok(this.done.length <= most, `${what} takes ${this.done.length} actions:\n${this.done.join('\n')}`);
  }
}
