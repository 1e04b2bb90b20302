namespace Sleb.Core.Evaluation;

/// <summary>Log-probabilities of tokens given those before them, on whatever runs the model.</summary>
internal interface ITokenScorer
{
    /// <summary>The longest input; a sequence may be one id longer, since its last one is only predicted.</summary>
    int ContextLength { get; }

    /// <summary>How many ids the model knows.</summary>
    int VocabSize { get; }

    /// <summary>For each sequence the scores of its tokens from <see cref="ScoredSequence.First"/> on. Sequences given together may share work.</summary>
    IReadOnlyList<TokenScore[]> Score(IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellationToken);
}
