using Sleb.Core.Checkpoints;
using Sleb.MLNet.Reporting;

namespace Sleb.MLNet.Experiments;

/// <summary>Tries the points of a search space one after the other, remembers each, and keeps the folder of the best.</summary>
internal sealed class ExperimentJob : IDisposable
{
    private readonly ExperimentRequest _request;
    private readonly Action<ExperimentEvent> _tell;
    private readonly TrialChoice _choice;
    private readonly TrialRunner _runner;
    private readonly List<SlebTrialResult> _trials = [];
    private readonly List<SlebFailedTrial> _failed = [];

    private ExperimentJob(ExperimentRequest request, Action<ExperimentEvent> tell, CancellationToken cancellationToken)
    {
        (_request, _tell, _choice) = (request, tell, TrialChoice.Of(request.Objective, request.Budget));
        _runner = new TrialRunner(request, tell, cancellationToken);
    }

    /// <summary>Runs the experiment, or goes on with it where its folder says it was stopped.</summary>
    /// <returns>What was found until the space, the time or the patience was at its end.</returns>
    /// <exception cref="CheckpointException">The model or the folder is not usable.</exception>
    /// <exception cref="InvalidOperationException">Every trial failed.</exception>
    /// <exception cref="TimeoutException">The time was over before the first trial was finished.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before the first trial was finished.</exception>
    public static ExperimentOutcome Run(ExperimentRequest request, Action<ExperimentEvent> tell, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (request.Time is { } time) limit.CancelAfter(time);
        cancellationToken.ThrowIfCancellationRequested();
        using var job = new ExperimentJob(request, tell, cancellationToken);
        bool whole = job.RunTrials(limit.Token);
        if (job._trials.Count == 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!whole) throw new TimeoutException(FormattableString.Invariant($"{request.Time!.Value.TotalSeconds:0.##} seconds were over before the first trial was finished; give more time. The same experiment goes on from {request.Folder}."));
            throw new InvalidOperationException($"Every trial failed. The first one, {Describe(job._failed[0].Settings)}: {job._failed[0].Reason}");
        }
        return job.Finish(whole);
    }

    public void Dispose() => _runner.Dispose();

    /// <summary>A trial in a few words.</summary>
    public static string Describe(SlebTrialSettings trial) => FormattableString.Invariant(
        $"trial {trial.TrialId}, {trial.RemoveBlocks} blocks by {Figures.Name(trial.Metric)} on {trial.Windows} windows of {trial.SequenceLength} tokens of {trial.Calibration}, {trial.Precision}");

    /// <returns>False where it was stopped before the end.</returns>
    private bool RunTrials(CancellationToken cancellationToken)
    {
        var trials = Choose(_runner.Trials());
        var known = trials.Select(_runner.Known).OfType<SlebTrialResult>().ToList();
        _tell(new ExperimentEvent.Started(_runner.Family, _runner.Blocks, trials.Count, known.Count, _request.Folder, _choice, _runner.Latency));
        known.ForEach(Add);
        foreach (var trial in trials.Where(trial => _runner.Known(trial) is null))
        {
            try
            {
                cancellationToken.ThrowIfCancellationRequested();
                _tell(new ExperimentEvent.Running(trial));
                Add(_runner.Run(trial, cancellationToken));
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return false;
            }
            catch (Exception e) when (MissingNatives.Sentence(e) is null) // a missing library is not this trial's fault
            {
                Fail(new(trial, Reason(e)), e);
            }
        }
        return true;
    }

    /// <summary>All of a small space; of a large one a random part, the same in every run, which spreads over all dimensions as a part of the grid would not.</summary>
    private IReadOnlyList<SlebTrialSettings> Choose(IReadOnlyList<SlebTrialSettings> space)
    {
        if (_request.MaxTrials is not { } most || most >= space.Count) return space;
        var chosen = space.ToArray();
        new Random(0).Shuffle(chosen);
        return [.. chosen.Take(most).OrderBy(trial => trial.TrialId)];
    }

    private void Add(SlebTrialResult result)
    {
        _trials.Add(result);
        DeleteFolders();
        _tell(new ExperimentEvent.Completed(_trials[^1], IsBest: _choice.Rank(_trials).FirstOrDefault() == _trials[^1]));
    }

    private void Fail(SlebFailedTrial trial, Exception exception)
    {
        _failed.Add(trial);
        _runner.Fail(trial);
        _tell(new ExperimentEvent.Failed(trial, exception));
    }

    /// <summary>Models are large, and written again in seconds: only what may be asked for stays.</summary>
    private void DeleteFolders()
    {
        var ranked = _choice.Rank(_trials);
        var kept = (_choice.Objective == SlebObjective.ParetoFront ? ranked : ranked.Take(1)).Select(trial => trial.ModelFolder).OfType<string>().ToHashSet();
        for (int i = 0; i < _trials.Count; i++)
        {
            if (_trials[i].ModelFolder is not { } folder || kept.Contains(folder)) continue;
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
            _trials[i] = _trials[i] with { ModelFolder = null };
        }
    }

    private ExperimentOutcome Finish(bool whole)
    {
        var ranked = _choice.Rank(_trials);
        int folders = _choice.Objective == SlebObjective.ParetoFront ? ranked.Count : Math.Min(1, ranked.Count);
        for (int rank = 0; rank < folders; rank++)
        {
            // Not cancelled: the experiment may be over because of a cancel, and the best one is asked for all the same.
            var complete = _runner.WithFolder(ranked[rank], CancellationToken.None);
            _trials[_trials.FindIndex(trial => trial.Settings == complete.Settings)] = complete;
        }
        _trials.Sort((a, b) => a.Settings.TrialId.CompareTo(b.Settings.TrialId));
        return new(_trials, _failed, _choice, _runner.Dense(CancellationToken.None), whole);
    }

    /// <summary>Without what the base classes append, the parameter's name and value.</summary>
    private static string Reason(Exception e) => e is ArgumentException { ParamName: not null } ? e.Message.Split(" (Parameter '")[0] : e.Message;
}
