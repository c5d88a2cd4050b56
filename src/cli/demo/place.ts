import type { VerbContext } from '../verbContext';
import type { Ground } from './ground';
import type { Steps } from './steps';

/** What every part of the demo works with. */
export interface Place {
  readonly context: VerbContext;
  readonly ground: Ground;
  readonly steps: Steps;
}
