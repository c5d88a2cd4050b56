import * as vscode from 'vscode';
import type { LoraSwarmApi } from '../../../src/api';

/** The extension under test. */
export function ours(): vscode.Extension<LoraSwarmApi> {
  const extension = vscode.extensions.getExtension<LoraSwarmApi>('lora-swarm.lora-swarm');
  if (!extension) throw new Error('LoRA Swarm is not installed in this VS Code.');
  return extension;
}
