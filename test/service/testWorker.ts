import { hostEngine } from '../../src/service/engineHost';
import { createTestEngine } from './testEngine';

void hostEngine(() => Promise.resolve(createTestEngine));
