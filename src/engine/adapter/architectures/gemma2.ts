import type { Architecture } from './architecture';

export const gemma2: Architecture = {
  name: 'gemma2',
  classes: ['Gemma2ForCausalLM'],
  hubNames: [/^gemma-2-(2|9|27)b\b/],
  block: {
    'self_attn.q_proj': 'attn_q',
    'self_attn.k_proj': 'attn_k',
    'self_attn.v_proj': 'attn_v',
    'self_attn.o_proj': 'attn_output',
    'mlp.gate_proj': 'ffn_gate',
    'mlp.up_proj': 'ffn_up',
    'mlp.down_proj': 'ffn_down',
  },
  outer: { embed_tokens: 'token_embd', lm_head: 'output' },
  blockNorms: {
    input_layernorm: 'attn_norm',
    post_attention_layernorm: 'post_attention_norm',
    pre_feedforward_layernorm: 'ffn_norm',
    post_feedforward_layernorm: 'post_ffw_norm',
  },
  outerNorms: { norm: 'output_norm' },
  normShift: 1, // Gemma multiplies by 1 + w.
  biases: ['attn_q', 'attn_k', 'attn_v'],
  isAlwaysTied: true,
};
