/** What a measured process can be asked. Parameters and results are plain data. */
export type Calls = Readonly<Record<string, (params: never) => Promise<unknown>>>;

export interface Question {
  readonly id: number;
  readonly name: string;
  readonly params: unknown;
}

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly event: unknown };

/** Answers the process that started this one, until that goes away. */
export function answer(calls: Calls): void {
  process.on('message', (message) => {
    const { id, name, params } = message as Question;
    const call = calls[name] as ((params: unknown) => Promise<unknown>) | undefined;
    Promise.resolve()
      .then(() => {
        if (!call) throw new Error(`nothing is called ${name}`);
        return call(params);
      })
      .then(
        (result) => say({ id, result }),
        (error: unknown) => say({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
  });
  process.on('disconnect', () => process.exit());
}

export function say(reply: Reply): void {
  process.send?.(reply);
}
