import * as vscode from 'vscode';
import type { LoraSwarmApi, LoraSwarmEvents } from '../../../src/api';

type EventName = keyof LoraSwarmEvents;
/** An event with what a listener got: some have a field `name` of their own. */
type Heard = { readonly [N in EventName]: { readonly on: N; readonly event: LoraSwarmEvents[N] } }[EventName];

/** What the tests see of this extension. */
export interface SwarmUser {
  readonly swarm: LoraSwarmApi;
  /** Every event so far, in order. */
  readonly heard: readonly Heard[];
  /** The first event of this name that fits, from the past or as soon as it comes. */
  when<N extends EventName>(name: N, fits?: (event: LoraSwarmEvents[N]) => boolean): Promise<LoraSwarmEvents[N]>;
}

const WAIT_MS = 20_000;

const EVENTS: readonly EventName[] = [
  'peer:connected',
  'peer:disconnected',
  'peers:updated',
  'room:joined',
  'room:left',
  'adapters:available',
  'transfer:progress',
  'transfer:complete',
  'transfer:error',
];

/** Uses LoRA Swarm as any extension can: by its id, its verbs and its events. */
export function activate(context: vscode.ExtensionContext): SwarmUser {
  const swarm = vscode.extensions.getExtension<LoraSwarmApi>('lora-swarm.lora-swarm')!.exports;
  const heard: Heard[] = [];
  const waiting = new Set<() => void>();
  for (const name of EVENTS)
    context.subscriptions.push(
      swarm.on(name, (event) => {
        heard.push({ on: name, event } as Heard);
        for (const look of [...waiting]) look();
      }),
    );
  return {
    swarm,
    heard,
    when: (name, fits = () => true) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = heard.find(({ on, event }) => on === name && fits(event as never));
          if (!found) return;
          end();
          resolve(found.event as never);
        };
        const timer = setTimeout(() => {
          end();
          reject(new Error(`no ${name} as expected among ${JSON.stringify(heard, undefined, 1)}`));
        }, WAIT_MS);
        const end = () => {
          waiting.delete(look);
          clearTimeout(timer);
        };
        waiting.add(look);
        look();
      }),
  };
}
