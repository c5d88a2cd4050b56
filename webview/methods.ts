import type { MergeMethod } from '../src/shared/panelProtocol';
import type { PanelTexts } from '../src/shared/panelTexts';

export const METHOD_NAMES: Readonly<Record<MergeMethod, keyof PanelTexts>> = {
  concat: 'methodConcat',
  svd: 'methodSvd',
  ties: 'methodTies',
  dare: 'methodDare',
};

export const METHOD_HELP: Readonly<Record<MergeMethod, keyof PanelTexts>> = {
  concat: 'methodConcatHelp',
  svd: 'methodSvdHelp',
  ties: 'methodTiesHelp',
  dare: 'methodDareHelp',
};
