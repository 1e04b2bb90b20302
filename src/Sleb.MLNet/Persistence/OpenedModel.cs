using Sleb.MLNet.Scoring;

namespace Sleb.MLNet.Persistence;

/// <summary>A model that a loaded pipeline uses; its lease lasts until the process ends.</summary>
internal sealed class OpenedModel(IScoringModel model, ScoringSettings settings)
{
    public string Complete(string prompt) =>
        new CompletionWindow([prompt], settings, new()).Complete(0, model, static _ => { }, CancellationToken.None); // a custom mapping has no log

    public float NegativeLogLikelihood(string text) => model.NegativeLogLikelihood(text, CancellationToken.None);
}
