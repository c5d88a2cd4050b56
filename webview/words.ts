import type { PanelTexts } from '../src/shared/panelTexts';

type Plural<K> = K extends `${infer Stem}One` ? Stem : never;

/** Text, numbers and plurals in the language of the editor. */
export class Words {
  readonly #plurals: Intl.PluralRules;

  constructor(
    readonly language: string,
    private readonly texts: PanelTexts,
  ) {
    this.#plurals = new Intl.PluralRules(language);
  }

  readonly text = (key: keyof PanelTexts, ...values: readonly (string | number)[]): string =>
    this.texts[key].replace(/\{(\d)\}/g, (hole, index: string) => String(values[Number(index)] ?? hole));

  /** `stem` names the pair `stemOne`, `stemOther`; `{0}` is the count. */
  count(stem: Plural<keyof PanelTexts>, count: number, ...values: readonly (string | number)[]): string {
    const form = this.#plurals.select(count) === 'one' ? 'One' : 'Other';
    return this.text(`${stem}${form}`, this.number(count), ...values);
  }

  number(value: number, fractionDigits = 0): string {
    return new Intl.NumberFormat(this.language, { maximumFractionDigits: fractionDigits }).format(value);
  }

  /** Three digits that mean something: norms and scales range from 0.0001 to 1000. */
  precise(value: number): string {
    return new Intl.NumberFormat(this.language, { maximumSignificantDigits: 3 }).format(value);
  }

  /** 24300000 as `24M`. */
  compact(value: number): string {
    return new Intl.NumberFormat(this.language, { notation: 'compact', maximumFractionDigits: 1 }).format(value);
  }

  /** Of 10^6 and so on, as disks and downloads are sold. */
  bytes(value: number): string {
    if (value >= 1e9) return this.#unit('gigabyte', value / 1e9);
    if (value >= 1e6) return this.#unit('megabyte', value / 1e6);
    if (value === 0) return this.#unit('megabyte', 0);
    if (value < 1e3) return this.#unit('byte', value);
    // As the trees and Ollama write it; the international `kB` beside `MB` looks like a slip.
    return `${this.number(value / 1e3, value < 1e5 ? 1 : 0)} KB`;
  }

  /** Always of 10^6: what is compared at a glance has one unit. */
  rate(bytesPerSecond: number): string {
    return this.#unit('megabyte-per-second', bytesPerSecond / 1e6);
  }

  percent(part: number, whole: number): string {
    const share = whole > 0 ? Math.floor((100 * part) / whole) / 100 : 0; // 100 % only when it is all there.
    return new Intl.NumberFormat(this.language, { style: 'percent' }).format(share);
  }

  /** A share from 0 to 1. A little is not nothing: below 1 % there is one more digit. */
  share(part: number): string {
    const options = { style: 'percent', maximumFractionDigits: isLittle(part) ? 1 : 0 } as const;
    return new Intl.NumberFormat(this.language, options).format(this.rounded(part));
  }

  /** A share as it is said, to reckon with: 1 only when it is all there. */
  rounded(part: number): number {
    const steps = isLittle(part) ? 1_000 : 100;
    return Math.floor(part * steps + 1e-9) / steps;
  }

  milliseconds(value: number): string {
    const options = { style: 'unit', unit: 'millisecond', unitDisplay: 'short', maximumFractionDigits: 0 } as const;
    return new Intl.NumberFormat(this.language, options).format(Math.max(1, value));
  }

  /** `2nd`, where the language says so. */
  ordinal(value: number): string {
    const forms = { one: 'One', two: 'Two', few: 'Few' } as const;
    const form = new Intl.PluralRules(this.language, { type: 'ordinal' }).select(value);
    const ending = form === 'one' || form === 'two' || form === 'few' ? forms[form] : 'Other';
    return this.text(`ordinal${ending}`, this.number(value));
  }

  duration(seconds: number): string {
    if (seconds < 60) return this.#unit('second', Math.max(1, Math.round(seconds)));
    if (seconds < 3600) return this.#unit('minute', Math.round(seconds / 60));
    return this.#unit('hour', seconds / 3600);
  }

  /** How long something took that one waits for. */
  seconds(value: number): string {
    const maximumFractionDigits = value < 10 ? 1 : 0;
    const options = { style: 'unit', unit: 'second', unitDisplay: 'short', maximumFractionDigits } as const;
    return new Intl.NumberFormat(this.language, options).format(value);
  }

  ago(timeMs: number, nowMs = Date.now()): string {
    const seconds = (timeMs - nowMs) / 1000;
    const format = new Intl.RelativeTimeFormat(this.language, { numeric: 'auto' });
    const [unit, size] = AGES.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1];
    return format.format(Math.round(seconds / size), unit);
  }

  date(timeMs: number): string {
    return new Intl.DateTimeFormat(this.language, { dateStyle: 'long', timeStyle: 'short' }).format(timeMs);
  }

  #unit(unit: string, amount: number): string {
    const isWhole = amount >= 100 || unit === 'second' || unit === 'minute';
    const maximumFractionDigits = isWhole ? 0 : amount < 0.1 ? 2 : 1;
    const options = { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits } as const;
    return new Intl.NumberFormat(this.language, options).format(amount);
  }
}

const isLittle = (part: number): boolean => part > 0 && part < 0.01;

const AGES: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];
