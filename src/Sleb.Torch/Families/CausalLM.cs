namespace Sleb.Torch.Families;

/// <summary>
/// A decoder language model in the pieces a depth pruner needs: embedding, each block alone, head. Parameters carry the checkpoint's
/// names, so no mapping table exists; a family repeats its parts instead of inheriting them.
/// </summary>
internal abstract class CausalLM(string name) : nn.Module(name)
{
    public abstract int BlockCount { get; }

    /// <summary>Token ids to the first block's input: (B, T) int64 to (B, T, H).</summary>
    public abstract Tensor Embed(Tensor ids);

    /// <summary>One whole block, residuals included: (B, T, H) to (B, T, H); positions start at 0.</summary>
    public abstract Tensor Block(int index, Tensor hidden);

    /// <summary>The final norm: (B, T, H) to (B, T, H).</summary>
    public abstract Tensor Norm(Tensor hidden);

    /// <summary>Normed hidden states to the logits of a slice of the vocabulary: (…, H) to (…, V).</summary>
    public abstract Tensor Head(Tensor hidden, VocabularySlice? slice);

    /// <summary>Normed hidden states to all logits: (…, H) to (…, V).</summary>
    public Tensor Head(Tensor hidden) => Head(hidden, null);
}
