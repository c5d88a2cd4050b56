import type { Architecture } from './architecture';

/** Heads are wider than hidden size / heads, and q and k are normed. */
export const qwen3: Architecture = {
  name: 'qwen3',
  classes: ['Qwen3ForCausalLM'],
  hubNames: [/^qwen3-(0\.6|1\.7|4|8|14|32)b\b/],
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
    post_attention_layernorm: 'ffn_norm',
    'self_attn.q_norm': 'attn_q_norm',
    'self_attn.k_norm': 'attn_k_norm',
  },
  outerNorms: { norm: 'output_norm' },
  biases: ['attn_q', 'attn_k', 'attn_v'],
};
