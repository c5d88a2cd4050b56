/** How tensors are named in files that are no LoRA of a language model, and what these are. */
const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [/(^|\.)lora_(unet|te\d?|transformer)_|^(unet|text_encoder)\.|(^|\.)(single_)?transformer_blocks\./, 'image model'],
  [/\.ia3_l(\.|$)/, 'IA3'],
  [/\.hada_[wt]/, 'LoHa'],
  [/\.lokr_[wt]/, 'LoKr'],
  [/\.lora_E(\.|$)|\.ranknum(\.|$)/, 'AdaLoRA'],
  [/\.vera_(lambda|[AB])/, 'VeRA'],
  [/\.oft_[RS]/, 'OFT'],
  [/\.boft_[RS]/, 'BOFT'],
  [/\.randlora_/, 'RandLoRA'],
  [/\.vblora_/, 'VB-LoRA'],
  [/\.fourierft_/, 'FourierFT'],
  [/\.lora_diag(\.|$)/, 'KaSA'],
  [/(^|\.)prompt_(embeddings|encoder)/, 'prompt tuning'],
  [/\.adaption_(prompt|gate)/, 'adaption prompt'],
];

/** The kind of adapter that a tensor is from, when its name says that it is no LoRA of a language model. */
export function foreignKind(tensor: string): string | undefined {
  return FOREIGN.find(([pattern]) => pattern.test(tensor))?.[1];
}
