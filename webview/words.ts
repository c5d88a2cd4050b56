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
    const { unit, amount } = scaled(value);
    return this.#unit(unit, amount);
  }

  rate(bytesPerSecond: number): string {
    const { unit, amount } = scaled(bytesPerSecond);
    return this.#unit(`${unit}-per-second`, amount);
  }

  percent(part: number, whole: number): string {
    const share = whole > 0 ? Math.floor((100 * part) / whole) / 100 : 0; // 100 % only when it is all there.
    return new Intl.NumberFormat(this.language, { style: 'percent' }).format(share);
  }

  /** A share from 0 to 1. A little is not nothing: below 1 % there is one more digit. */
  share(part: number): string {
    const digits = part > 0 && part < 0.01 ? 1 : 0;
    const percent = Math.floor(part * 100 * 10 ** digits + 1e-9) / 10 ** digits; // 100 % only when it is all there.
    const options = { style: 'percent', maximumFractionDigits: digits } as const;
    return new Intl.NumberFormat(this.language, options).format(percent / 100);
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
    const maximumFractionDigits = amount < 100 && unit !== 'second' && unit !== 'minute' ? 1 : 0;
    const options = { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits } as const;
    return new Intl.NumberFormat(this.language, options).format(amount);
  }
}

const AGES: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

function scaled(bytes: number): { readonly unit: string; readonly amount: number } {
  if (bytes >= 1e9) return { unit: 'gigabyte', amount: bytes / 1e9 };
  if (bytes >= 1e6) return { unit: 'megabyte', amount: bytes / 1e6 };
  if (bytes >= 1e3) return { unit: 'kilobyte', amount: bytes / 1e3 };
  return { unit: 'byte', amount: bytes };
}
