import type { OpenOptions } from './panelPage';
import {
  checks,
  contentId,
  details,
  downloaded,
  entry,
  joined,
  listOf,
  models,
  source,
  transfer,
  transferDetails,
} from './samples';

const problems = [
  { code: 'AUTHOR_REVOKED', severity: 'warn', message: 'The author revoked the key that signed this.' },
  { code: 'PICKLE', severity: 'refuse', message: 'Pickle weights cannot be shared.' },
] as const;

/** Each page with as much on it as it can show: every mark, note and figure. */
export const FULL_PAGES: Readonly<Record<string, OpenOptions & { readonly ready: string }>> = {
  explore: {
    state: { ...joined, transfers: [transfer(2, { phase: 'paused' })] },
    answers: {
      list: listOf([
        entry(0, { isRevoked: true }),
        entry(1, { isDownloaded: true }),
        entry(2),
        entry(3, { isMine: true }),
        entry(4, { verdict: { verdict: 'unfit', reason: '' } }),
      ]),
      models: () => models,
    },
    ready: '.row-badge',
  },
  adapter: {
    page: { page: 'adapter', id: contentId(0) },
    state: joined,
    answers: { adapter: () => downloaded(0, { problems, models: ['p2p-ana-sql-coder'] }) },
    ready: '.notice',
  },
  'adapter that is only offered': {
    page: { page: 'adapter', id: contentId(0) },
    state: { ...joined, transfers: [transfer(0)] },
    answers: { adapter: () => details(0, { sources: ['a'.repeat(64)] }) },
    ready: '.facts',
  },
  transfer: {
    page: { page: 'transfer', id: contentId(0), direction: 'download' },
    state: joined,
    answers: {
      transfer: () => transferDetails(0, { peers: [source(0), source(1, { phase: 'resting', path: 'relay' })] }),
    },
    ready: '.source',
  },
  doctor: {
    page: { page: 'doctor' },
    state: joined,
    answers: { doctor: () => ({ checks: [...checks] }) },
    ready: '.check',
  },
};
