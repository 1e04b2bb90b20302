using Sleb.MLNet.Pruning;

namespace Sleb.MLNet.Experiments;

/// <summary>What an experiment tells while it works, in order; never text from the user's data.</summary>
internal abstract record ExperimentEvent
{
    /// <summary>Model and texts are read and checked; the first trial starts.</summary>
    /// <param name="Trials">Trials there will be, finished ones included.</param>
    /// <param name="Known">Trials that the folder holds already.</param>
    public sealed record Started(string Family, int Blocks, int Trials, int Known, string Folder, TrialChoice Choice, SlebLatencyProtocol Latency) : ExperimentEvent;

    /// <summary>A trial starts.</summary>
    public sealed record Running(SlebTrialSettings Settings) : ExperimentEvent;

    /// <summary>The running trial's search.</summary>
    public sealed record Search(PruneEvent Happened) : ExperimentEvent;

    /// <summary>A part of the running trial: "writing the ONNX folder", …</summary>
    public sealed record Phase(string Name) : ExperimentEvent;

    /// <summary>A trial is finished.</summary>
    /// <param name="IsBest">It is better than all before it.</param>
    public sealed record Completed(SlebTrialResult Result, bool IsBest) : ExperimentEvent;

    public sealed record Failed(SlebFailedTrial Trial, Exception Exception) : ExperimentEvent;

    /// <summary>Something the user should know.</summary>
    public sealed record Warning(string Message) : ExperimentEvent;
}
