// What a shell asks about installing in Ollama and merging. Plain data, as all of `wishes.ts`.

import type { AdapterProblem } from './adapter/adapterInfo';
import type { VerdictState } from './state';

/** An adapter, and how strongly it acts: 1 is as it was trained, negative takes away. */
export interface WeightedTarget {
  /** Path, content id, name, or `ollama:MODEL` for the adapter inside a model of the local Ollama. */
  readonly target: string;
  readonly weight: number;
}

/** `merge` writes the adapter into a copy of the base: a full model on disk, and all that works where adapters do not. */
export type InstallRoute = 'auto' | 'create' | 'pull' | 'manifest' | 'merge';

export type InstallRouteName = Exclude<InstallRoute, 'auto'>;

/** What an author proposes for the Modelfile. Of a stranger: shown as text, each off until the user ticks it. */
export interface ModelfileExtras {
  readonly system?: string;
  readonly template?: string;
  /** As in a Modelfile: `temperature`, `num_ctx`, `stop`, … */
  readonly parameters?: Readonly<Record<string, number | string | boolean | readonly string[]>>;
}

export type ModelfileExtra = keyof ModelfileExtras;

export interface InstallRequest {
  /** Path, content id, name, or `ollama:MODEL`. */
  readonly target: string;
  /** How strongly it acts. Default 1. */
  readonly weight?: number;
  /** Further adapters of the same model. */
  readonly more?: readonly WeightedTarget[];
  /** Model of the local Ollama; it may carry adapters already. Absent: the one that the adapters were trained for. */
  readonly base?: string;
  readonly as?: string;
  readonly route?: InstallRoute;
  /** The user agreed to the disk cost of route `merge`, which `auto` takes only then. */
  readonly isCostConfirmed?: boolean;
  /** Replaces the model that we made of an earlier release of the same adapter, keeping its name. */
  readonly isUpdate?: boolean;
  /** Proposals of the release that the user ticked. */
  readonly extras?: readonly ModelfileExtra[];
}

/** One way to make the model, and what it costs. */
export interface RoutePlan {
  readonly route: InstallRouteName;
  readonly isPossible: boolean;
  /** One sentence: what it does, or why it does not work here. */
  readonly reason: string;
  /** Bytes that it adds to the disk for good, estimated. */
  readonly bytesOnDisk: number;
  /** Estimated. */
  readonly seconds: number;
  /** Costs enough that the user has to agree. */
  readonly needsConsent: boolean;
}

export interface InstallPlan {
  readonly verdict: VerdictState;
  /** Base that it would be made from. Absent when none is here. */
  readonly base?: string;
  /** Name that the model would get. */
  readonly model: string;
  /** Model that we made of an earlier release of the same adapter: `isUpdate` would replace it. */
  readonly updates?: string;
  /** The route that was asked for, or what `auto` would take. Absent when nothing works; then each route says why. */
  readonly chosen?: InstallRouteName;
  /** In order of preference. */
  readonly routes: readonly RoutePlan[];
  /** Of the adapters: what would be lost, what the user should know. */
  readonly problems: readonly AdapterProblem[];
  readonly extras?: ModelfileExtras;
}

/** `changed`: seen. `identical`: seen, and bad news. `failed`: the base runs and the model does not. Else not checked. */
export type EffectOutcome = 'changed' | 'identical' | 'failed' | 'not-checked';

export interface EffectResult {
  readonly outcome: EffectOutcome;
  readonly checked: boolean;
  /** Whether the same prompt gave other tokens or probabilities than the base. */
  readonly changed: boolean;
  readonly reason: string;
  /** Largest move of a log-probability, where Ollama tells them. Natural logarithm. */
  readonly logprobMove?: number;
}

export interface InstallResult {
  readonly model: string;
  readonly route: InstallRouteName;
  readonly base: string;
  readonly bytesOnDisk: number;
  readonly effect: EffectResult;
  /** Content id of the release that was in this model before, when it was an update. */
  readonly replaced?: string;
}

/** `concat` is exact. The others fit into a chosen rank and say how far off that is. */
export type MergeMethod = 'concat' | 'svd' | 'ties' | 'dare';

export interface MergeAdaptersRequest {
  readonly parts: readonly WeightedTarget[];
  /** Folder to make; it must not exist or be empty. */
  readonly out: string;
  /** Default `concat`. */
  readonly method?: MergeMethod;
  /** For all but `concat`. */
  readonly rank?: number;
  /** Part of the values that `ties` and `dare` keep, 0 to 1. Default 0.5. */
  readonly density?: number;
  /** For `dare`. Default 0. The same seed gives the same bytes. */
  readonly seed?: number;
  /** Only asked for when a part can't be read without it: path of a GGUF, or a model of the local Ollama. */
  readonly base?: string;
}

export interface MergeAdaptersResult {
  readonly path: string;
  readonly method: MergeMethod;
  readonly bytes: number;
  readonly pairs: number;
  /** Present when all modules agree. */
  readonly rank?: number;
  /** Content ids of the parts that have one: what a release of the result names as its parents. */
  readonly parents: readonly string[];
  /** Relative Frobenius error of ΔW against the weighted sum (`ties`, `dare`: against their own full-rank result). */
  readonly error: {
    readonly whole: number;
    readonly modules: readonly { readonly name: string; readonly error: number }[];
  };
}

export type MergedType = 'keep' | 'f32' | 'f16' | 'q8_0';

export interface MergeIntoBaseRequest {
  readonly parts: readonly WeightedTarget[];
  /** Path of a GGUF, or a model of the local Ollama. */
  readonly into: string;
  /** Path of the GGUF to write. */
  readonly out: string;
  /** Type of the tensors that change. `keep` is the base's own where that is exact enough. */
  readonly type?: MergedType;
}

export type MergePlanRequest = Omit<MergeIntoBaseRequest, 'out'>;

/** What a merge into a base would write. */
export interface MergeIntoBasePlan {
  /** Of the whole file. The base's own where `retyped` is absent. */
  readonly bytes: number;
  /** Tensors that could not keep their type. Absent when Ollama's file can't be read before it hands a copy over. */
  readonly retyped?: readonly RetypedTensor[];
}

export interface RetypedTensor {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

export interface MergeIntoBaseResult {
  readonly path: string;
  readonly bytes: number;
  /** Tensors of the file, and those of them that the adapters changed. */
  readonly tensors: number;
  readonly changed: number;
  /** Tensors that could not keep their type. */
  readonly retyped: readonly RetypedTensor[];
}

/** An adapter inside a model of the local Ollama, whoever made it. */
export interface OllamaAdapterState {
  /** `ollama:MODEL`, or `ollama:MODEL#2` for the second one: what `share`, `inspect` and `install` take. */
  readonly target: string;
  readonly model: string;
  /** `sha256:<hex>` of its GGUF. */
  readonly digest: string;
  /** Model under it, when it is still here. */
  readonly base?: string;
  readonly isOurs: boolean;
}

export interface CompareRequest {
  readonly base: string;
  readonly model: string;
  readonly prompt: string;
  /** At most this many tokens a side. Default 128. */
  readonly tokens?: number;
}

export interface CompareSide {
  readonly text: string;
  readonly tokens: number;
  readonly seconds: number;
}

/** How an adapter was merged from others. */
export interface AdapterLineage {
  readonly method: MergeMethod;
  /** A part without an id was never shared; `name` is for people only. */
  readonly parts: readonly { readonly id?: string; readonly name?: string; readonly weight: number }[];
  readonly rank?: number;
  readonly density?: number;
  readonly seed?: number;
}
