namespace Sleb.MLNet.Scoring;

/// <summary>A loaded model that completes and scores text.</summary>
/// <remarks>May be called from several threads; calls are then served one after the other.</remarks>
internal interface IScoringModel : IDisposable
{
    /// <summary>What the model writes after each prompt, in the prompts' order.</summary>
    /// <param name="warn">Hears a sentence (never text of the user's) where a prompt had to be cut.</param>
    IReadOnlyList<string> Complete(IReadOnlyList<string> prompts, ScoringSettings settings, Action<string> warn, CancellationToken cancellationToken);

    /// <summary>Mean negative log-likelihood in nats per token; NaN for fewer than two tokens.</summary>
    float NegativeLogLikelihood(string text, CancellationToken cancellationToken);
}
