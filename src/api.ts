import { LoraSwarmError } from './engine/errors';
import type { Disposable } from './engine/lifecycle';
import type { EngineState, RoomState } from './engine/state';
import type {
  DoctorCheck,
  EngineEvent,
  GetRequest,
  GetResult,
  RoomInvite,
  ShareRequest,
  ShareResult,
  WishOptions,
} from './engine/wishes';
import type { EngineHandle } from './ui/engineHandle';

/** Grows when something an extension may rely on changes. Additions leave it as it is. */
export const API_VERSION = 1;

/** Every event by its name, with what a listener gets. */
export type LoraSwarmEvents = {
  readonly [E in EngineEvent as E['type']]: Omit<E, 'type'>;
};

/** What the user agreed to in the calling extension. Joining shares nothing, but shows key and address to anyone. */
export interface PublicConsent {
  readonly isPublicConfirmed: true;
}

/** What `activate` returns: `extensions.getExtension<LoraSwarmApi>('lora-swarm.lora-swarm')?.exports`. See docs/api.md. */
export interface LoraSwarmApi {
  readonly version: number;
  /** The last snapshot of rooms, peers, adapters and transfers. */
  readonly state: EngineState;
  /** Waits until the engine is open, not for the network. */
  initialize(): Promise<EngineState>;
  /** @throws `CONFIRM_NEEDED` without the user's consent. */
  joinGeneralRoom(consent: PublicConsent): Promise<RoomState>;
  joinLocalRoom(): Promise<RoomState>;
  /** Makes a private room and gives its code. */
  createRoom(label?: string): Promise<RoomInvite>;
  /** @param code What `createRoom` gave to the owner. @throws `ROOM_CODE_INVALID` */
  joinRoom(code: string, label?: string): Promise<RoomState>;
  /** @param room Id or label. @throws `ROOM_UNKNOWN` */
  leaveRoom(room: string): Promise<void>;
  /** @throws `CONFIRM_NEEDED` for the general room without `isPublicConfirmed`; `ADAPTER_…` for files that are no adapter. */
  shareAdapter(request: ShareRequest, options?: WishOptions): Promise<ShareResult>;
  /** @param target Content id, 8 or more characters of it, or a name. */
  unshareAdapter(target: string): Promise<void>;
  /** Downloads, verifies and, with `install`, makes a model in Ollama. Asking twice for one adapter is one transfer. */
  requestAdapter(request: GetRequest, options?: WishOptions): Promise<GetResult>;
  /** The doctor's report. */
  validateSystem(): Promise<readonly DoctorCheck[]>;
  on<N extends keyof LoraSwarmEvents>(name: N, listener: (event: LoraSwarmEvents[N]) => void): Disposable;
}

/** The engine as other extensions may use it. */
export function createApi(engine: EngineHandle & { start(): Promise<unknown> }): LoraSwarmApi {
  return {
    version: API_VERSION,
    get state() {
      return engine.state;
    },
    async initialize() {
      await engine.start();
      return engine.state;
    },
    async joinGeneralRoom(consent: Partial<PublicConsent> | undefined) {
      if (consent?.isPublicConfirmed !== true) throw consentMissing();
      return engine.wish('joinRoom', { room: 'general' });
    },
    joinLocalRoom: () => engine.wish('joinRoom', { room: 'local' }),
    createRoom: (label) => engine.wish('createRoom', label === undefined ? {} : { label }),
    joinRoom: (code, label) => engine.wish('joinRoom', { room: code, ...(label === undefined ? {} : { label }) }),
    async leaveRoom(room) {
      await engine.wish('leaveRoom', { room });
    },
    shareAdapter: (request, options) => engine.wish('share', request, options),
    async unshareAdapter(target) {
      await engine.wish('unshare', { target });
    },
    requestAdapter: (request, options) => engine.wish('get', request, options),
    async validateSystem() {
      return (await engine.wish('doctor', {})).checks;
    },
    on(name, listener) {
      return engine.onDidHappen((event) => {
        if (event.type !== name) return;
        try {
          listener(event as never); // The names are the discriminant: same name, same payload.
        } catch (error) {
          console.error(`A listener of ${name} failed`, error); // Its bug must not keep others from hearing the event.
        }
      });
    },
  };
}

function consentMissing(): LoraSwarmError {
  return new LoraSwarmError(
    'CONFIRM_NEEDED',
    'The general room is public: ask the user, then pass { isPublicConfirmed: true }.',
  );
}
