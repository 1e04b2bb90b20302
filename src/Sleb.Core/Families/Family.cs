namespace Sleb.Core.Families;

/// <summary>One row of the registry: a model_type, the code that runs it, and what its files look like.</summary>
/// <param name="ModelType">config.json's <c>model_type</c>; also the <c>type</c> in genai_config.json.</param>
/// <param name="Architecture">The Torch file and the emit file of this name run the family; several rows may share one.</param>
/// <param name="BlockPrefix">A block's tensors are named <c>{BlockPrefix}{index}.…</c>.</param>
/// <param name="TiedByDefault">What an absent <c>tie_word_embeddings</c> means.</param>
internal sealed record Family(string ModelType, string Architecture, string BlockPrefix, bool TiedByDefault);
