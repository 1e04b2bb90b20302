namespace Sleb.Core.Families;

/// <summary>One row of the registry: a model_type, the code that runs it, and what its files look like.</summary>
/// <param name="ModelType">config.json's <c>model_type</c>.</param>
/// <param name="Architecture">The Torch file and the emit file of this name run the family; several rows may share one.</param>
/// <param name="BlockPrefix">A block's tensors are named <c>{BlockPrefix}{index}.…</c>.</param>
/// <param name="TiedByDefault">What an absent <c>tie_word_embeddings</c> means.</param>
internal sealed record Family(string ModelType, string Architecture, string BlockPrefix, bool TiedByDefault)
{
    /// <summary>The output projection, which a tied checkpoint leaves out.</summary>
    public string Head { get; init; } = "lm_head.weight";

    /// <summary>What checkpoints saved without their head leave off the front of every name; empty where none are known.</summary>
    public string OptionalPrefix { get; init; } = "";

    /// <summary>Fields that this family's config.json spells otherwise: our name to the family's.</summary>
    public IReadOnlyDictionary<string, string> Spelling { get; init; } = NoSpelling;

    /// <summary>Ends of names of tables that old versions saved and every reader computes anew (masks, frequencies): neither read nor written.</summary>
    public IReadOnlyList<string> Buffers { get; init; } = [];

    private static readonly Dictionary<string, string> NoSpelling = [];
}
