using System.Diagnostics;
using Sleb.Benchmarks.Naive;
using Sleb.Core.Calibration;
using Sleb.Core.Checkpoints;
using Sleb.Core.Tokenization;
using Sleb.Torch.Natives;

namespace Sleb.Benchmarks.Search;

/// <summary>The published loop, until it is done or over its budget.</summary>
internal static class NaiveMode
{
    public static SearchOutcome Run(SearchRequest request)
    {
        var time = Stopwatch.StartNew();
        LibTorch.EnsureLoaded();
        using var checkpoint = Checkpoint.Open(request.Model);
        var config = checkpoint.Config;
        var windows = TokenWindows.Cut(TextFile.Read(request.Calibration), () => HuggingFaceTokenizer.Load(request.Model),
            TokenWindows.Length(request.SequenceLength, config.MaxPositionEmbeddings), request.Windows, config.MaxPositionEmbeddings, config.VocabSize);
        using var model = new NaiveLlama(checkpoint);
        var search = new NaiveSearch(model, windows);
        var decisions = search.Run(request.Remove, () => time.Elapsed.TotalSeconds > request.BudgetSeconds);
        bool whole = decisions.Count == request.Remove;
        return new(time.Elapsed.TotalSeconds + (whole ? 0 : search.SecondsLeft(request.Remove)), !whole, decisions);
    }
}
