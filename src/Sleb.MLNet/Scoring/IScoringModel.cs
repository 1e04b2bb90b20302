namespace Sleb.MLNet.Scoring;

/// <summary>A loaded model that completes and scores text.</summary>
/// <remarks>May be called from several threads.</remarks>
internal interface IScoringModel : IDisposable
{
    /// <summary>The most tokens of a prompt and its completion together.</summary>
    int ContextLength { get; }

    /// <summary>Whether a completion that is broken off goes on as it would have once prompt and completion so far were read again.</summary>
    bool RereadsExactly { get; }

    /// <summary>The tokens of a prompt, in the chat template where that is set; fewer than the context has room for.</summary>
    /// <param name="warn">Hears a sentence (never text of the user's) where the prompt had to be cut.</param>
    int[] Encode(string prompt, ScoringSettings settings, Action<string> warn);

    /// <summary>What the model writes after each row of tokens: at most <paramref name="maxNewTokens"/>, fewer where it ended.</summary>
    IReadOnlyList<int>[] Continue(IReadOnlyList<IReadOnlyList<int>> rows, int maxNewTokens, ScoringSettings settings, CancellationToken cancellationToken);

    /// <summary>The text of a completion.</summary>
    string Decode(IReadOnlyList<int> ids);

    /// <summary>Mean negative log-likelihood in nats per token; NaN for fewer than two tokens.</summary>
    float NegativeLogLikelihood(string text, CancellationToken cancellationToken);
}
