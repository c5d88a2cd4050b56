import type { Architecture } from './architecture';

/** q, k and v are one weight, gate and up another: llama.cpp keeps both whole. */
export const phi3: Architecture = {
  name: 'phi3',
  classes: ['Phi3ForCausalLM'],
  hubNames: [
    /^phi-3(\.5)?-mini\b/,
    /^phi-3-medium\b/,
    /^phi-4(-mini)?(-instruct|-(mini-)?reasoning(-plus)?)?(-unsloth)?(-bnb-4bit)?$/,
  ],
  block: {
    'self_attn.qkv_proj': 'attn_qkv',
    'self_attn.o_proj': 'attn_output',
    'mlp.gate_up_proj': 'ffn_up',
    'mlp.down_proj': 'ffn_down',
  },
  outer: { embed_tokens: 'token_embd', lm_head: 'output' },
  blockNorms: { input_layernorm: 'attn_norm', post_attention_layernorm: 'ffn_norm' },
  outerNorms: { norm: 'output_norm' },
  biases: ['attn_qkv'],
};
