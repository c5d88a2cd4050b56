import type { Architecture } from './architecture';

/** Biases on q, k and v; the small ones use one tensor for input and output. */
export const qwen2: Architecture = {
  name: 'qwen2',
  classes: ['Qwen2ForCausalLM'],
  hubNames: [/^qwen(2|2\.5)-(coder-|math-)?(0\.5|1\.5|3|7|14|32|72)b\b/, /^deepseek-r1-distill-qwen-(1\.5|7|14|32)b\b/],
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
  blockNorms: { input_layernorm: 'attn_norm', post_attention_layernorm: 'ffn_norm' },
  outerNorms: { norm: 'output_norm' },
  biases: ['attn_q', 'attn_k', 'attn_v'],
};
