using Sleb.Core.Plan;
using Sleb.Core.Search;

namespace Sleb.MLNet.Pruning;

/// <summary>What the main job tells while it works, in order; never text from the user's data.</summary>
internal abstract record PruneEvent
{
    /// <summary>Model and text are read and checked; the search starts.</summary>
    public sealed record Started(SearchIdentity Search, int RemoveBlocks, string RunFolder, int ResumedLosses) : PruneEvent;

    /// <summary>What a run under a memory cap will hold: "at most …".</summary>
    public sealed record Memory(string Plan) : PruneEvent;

    /// <summary>A candidate was scored on a window (not raised for what was resumed).</summary>
    public sealed record Scored(SearchProgress Progress) : PruneEvent;

    /// <summary>A block was decided.</summary>
    public sealed record Decided(int Round, int Rounds, Removal Removal) : PruneEvent;

    /// <summary>A phase after the search starts: "evaluating the dense model", "writing the ONNX folder", …</summary>
    public sealed record Phase(string Name) : PruneEvent;

    /// <summary>Something the user should know: a near-tie, fewer windows than asked for, CPU instead of GPU.</summary>
    public sealed record Warning(string Message) : PruneEvent;
}
