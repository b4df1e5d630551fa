/** What a zone is doing, in one word. Used by the list of zones and the head of a zone. */
import { t } from '../../lib/i18n.js';

/** @param {any} info A zone as the API gives it. @returns {{kind: 'ok' | 'warn' | 'bad', word: string}} */
export function stateOf(info) {
  if (info.state === 'expired') return { kind: 'bad', word: t('zones.state.expired') };
  if (info.state === 'waiting') return { kind: 'warn', word: t('zones.state.waiting') };
  if (info.state === 'elsewhere') return { kind: 'ok', word: t('zones.state.elsewhere') };
  if (info.transfer?.last_error) return { kind: 'warn', word: t('zones.state.failing') };
  return { kind: 'ok', word: t('zones.state.serving') };
}
