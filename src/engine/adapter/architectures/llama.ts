import type { Architecture } from './architecture';

/** Llama and everything of its shape, Mistral too: llama.cpp turns the rows of q and k for its own rotary embedding. */
export const llama: Architecture = {
  name: 'llama',
  classes: ['LlamaForCausalLM', 'MistralForCausalLM', 'MixtralForCausalLM'],
  hubNames: [
    /^(meta-)?llama-(2|3|3\.1|3\.2|3\.3)-(1|3|7|8|13|70|405)b\b/,
    /^(tinyllama-1\.1b|codellama-\d+b|smollm2?-(135m|360m|1\.7b))\b/,
    /^mistral-(7b|nemo|small-24b)\b/,
    /^deepseek-r1-distill-llama-(8|70)b\b/,
  ],
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
  interleaved: { attn_q: 'headCount', attn_k: 'headCountKv' },
  biases: ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'],
};
