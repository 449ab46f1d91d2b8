"""A model small enough to load in a test: random weights, a word for every token."""

from __future__ import annotations

from pathlib import Path

WORDS = 500
TEMPLATE = "{% for message in messages %}{{ message['content'] }} {% endfor %}"


def save_tiny_model(folder: Path, *, window: int) -> None:
    """Writes a checkpoint that vLLM loads; its prompts survive being written out and read."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {word: index for index, word in enumerate(["<unk>", "<eos>", *_words()])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<eos>", chat_template=TEMPLATE
    )
    fast.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=window,
        eos_token_id=vocabulary["<eos>"],
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def _words() -> list[str]:
    return [f"word{number}" for number in range(WORDS)]
