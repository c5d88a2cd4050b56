import type { WishProgress } from '../engine/wishes';
import { formatBytes } from './format';
import type { OutputStream } from './output';

type Measured = Extract<WishProgress, { readonly bytesDone: number }>;

const BAR_WIDTH = 20;

/** One line on a terminal that is written over. */
export class ProgressBar {
  #isDrawn = false;

  constructor(private readonly stream: OutputStream) {}

  draw(progress: Measured): void {
    const text = progressText(progress).slice(0, (this.stream.columns ?? 80) - 1);
    this.stream.write(`\r\u001b[K${text}`);
    this.#isDrawn = true;
  }

  clear(): void {
    if (this.#isDrawn) this.stream.write('\r\u001b[K');
    this.#isDrawn = false;
  }
}

export function progressText(progress: Measured): string {
  const { bytesDone, bytesTotal } = progress;
  const share = bytesTotal > 0 ? Math.min(1, bytesDone / bytesTotal) : 0;
  const full = Math.floor(share * BAR_WIDTH);
  const parts = [
    `[${'#'.repeat(full)}${' '.repeat(BAR_WIDTH - full)}]`,
    `${Math.floor(share * 100)} %`.padStart(5),
    `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`,
  ];
  if (progress.kind === 'hash') parts.push('hashing');
  else if (progress.kind === 'merge') parts.push('merging');
  else {
    parts.push(`${formatBytes(progress.rate)}/s`);
    parts.push(progress.sources === 1 ? '1 source' : `${progress.sources} sources`);
  }
  return parts.join('  ');
}
