using Sleb.MLNet.Experiments;
using Sleb.MLNet.Folders;

namespace Sleb.MLNet;

/// <summary>What an experiment found.</summary>
public sealed class SlebExperimentResult : IDisposable
{
    private readonly ExperimentOutcome _outcome;
    private readonly ScratchFolder? _scratch;

    internal SlebExperimentResult(ExperimentOutcome outcome, ScratchFolder? scratch) => (_outcome, _scratch) = (outcome, scratch);

    /// <summary>The best trial, with its model folder; null where no trial keeps to the budget.</summary>
    public SlebTrialResult? Best => _outcome.Best;

    /// <summary>Every finished trial, by its number. The model folders of those that are not the best (or on the front, where that is the objective) are gone.</summary>
    public IReadOnlyList<SlebTrialResult> Trials => _outcome.Trials;

    /// <summary>The trials that failed, with the reason.</summary>
    public IReadOnlyList<SlebFailedTrial> FailedTrials => _outcome.Failed;

    /// <summary>The finished trials that no other one beats in perplexity, size and time at once, by ascending size, whatever the budget.</summary>
    public IReadOnlyList<SlebTrialResult> ParetoFront => TrialChoice.Front(_outcome.Trials);

    /// <summary>Perplexity of the dense checkpoint on the evaluation text, in fp32.</summary>
    public double DensePerplexity => _outcome.Dense.Perplexity;

    /// <summary>Whether every trial was tried; otherwise time or a cancel ended the experiment.</summary>
    public bool IsComplete => _outcome.Whole;

    /// <summary>Copies the best trial's model folder, for example to <c>mlContext.Transforms.ApplySlebModel</c>.</summary>
    /// <param name="path">Where to.</param>
    /// <param name="overwrite">Whether to replace what is there.</param>
    /// <exception cref="InvalidOperationException">No trial keeps to the budget.</exception>
    /// <exception cref="IOException">The target is not empty and <paramref name="overwrite"/> is false, or it cannot be written.</exception>
    public void SaveModelFolder(string path, bool overwrite = false)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        string folder = Best?.ModelFolder ?? throw new InvalidOperationException("No trial keeps to the budget, so there is no model to save; allow more, or choose among Trials.");
        new ModelPlace(folder).CopyTo(path, overwrite);
    }

    /// <summary>Deletes the temporary folder of an experiment without a checkpoint, the best model with it. May be called twice.</summary>
    public void Dispose() => _scratch?.Dispose();
}
