using Sleb.Core.Checkpoints;
using Sleb.MLNet.Scoring;
using Sleb.Onnx;
using Sleb.Onnx.Runtime;

namespace Sleb.Tests.MLNet;

/// <summary>Does a real int4 folder, whose kernels depend on the shape of a call, complete rows put together as it completes them alone?</summary>
public sealed class IntegerFolderTests
{
    private const int NewTokens = 64, Expected = 6;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Completions_are_those_of_single_rows_and_so_are_those_that_outgrow_their_batch(int accuracyLevel)
    {
        using var temporary = new TemporaryFolder();
        using (var checkpoint = Checkpoint.Open(TestFiles.TinyNovels))
            OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = [], OutFolder = temporary["int4"], Precision = "int4", Form = new() { AccuracyLevel = accuracyLevel } }, Cancelled);
        using var model = new Recorded(ScoringModel.Load(temporary["int4"], null, false, null));
        Assert.Equal(accuracyLevel == 0, model.RereadsExactly);
        Assert.Equal(accuracyLevel == 4, FolderGraph.RoundsActivations(FolderGraph.Read(temporary["int4"])));

        string[] words = File.ReadAllText(Path.Combine(TestFiles.TinyNovels, "evaluation.txt")).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        string[] prompts = [.. Enumerable.Range(0, 32).Select(i => string.Join(' ', words.Skip(i * 64).Take(4 + i * 23 % 61)))];
        var settings = new ScoringSettings { InputColumnName = "Text", OutputColumnName = "Completion", ScoreColumnName = null, MaxNewTokens = NewTokens, LookAhead = prompts.Length };
        string[] single = Complete(settings with { BatchSize = 1 });
        Assert.Equal(prompts.Length, single.Distinct().Count());
        foreach (int batch in (int[])[2, 8])
        {
            model.Calls.Clear();
            Assert.Equal(single, Complete(settings with { BatchSize = batch }));
            Assert.Contains((batch, Expected), model.Calls); // batches stopped where completions were expected to end
            int goesOn = accuracyLevel == 0 ? NewTokens - Expected : NewTokens; // from what was written, or anew
            Assert.Contains(model.Calls, call => call.Rows > 1 && call.Steps == goesOn);
        }

        string[] Complete(ScoringSettings settings)
        {
            var lengths = new ResponseLengths();
            for (int i = 0; i < ResponseLengths.Enough; i++) lengths.Add(promptLength: 1, Expected); // what nearly all of these outgrow
            var window = new CompletionWindow(prompts, settings, lengths);
            return [.. Enumerable.Range(0, prompts.Length).Select(row => window.Complete(row, model, _ => { }, Cancelled))];
        }
    }

    /// <summary>A model that notes how many rows were put together, and for how many tokens.</summary>
    private sealed class Recorded(IScoringModel model) : IScoringModel
    {
        public List<(int Rows, int Steps)> Calls { get; } = [];

        public int ContextLength => model.ContextLength;

        public bool RereadsExactly => model.RereadsExactly;

        public int[] Encode(string prompt, ScoringSettings settings, Action<string> warn) => model.Encode(prompt, settings, warn);

        public IReadOnlyList<int>[] Continue(IReadOnlyList<IReadOnlyList<int>> rows, int maxNewTokens, ScoringSettings settings, CancellationToken cancellationToken)
        {
            Calls.Add((rows.Count, maxNewTokens));
            return model.Continue(rows, maxNewTokens, settings, cancellationToken);
        }

        public string Decode(IReadOnlyList<int> ids) => model.Decode(ids);

        public float NegativeLogLikelihood(string text, CancellationToken cancellationToken) => model.NegativeLogLikelihood(text, cancellationToken);

        public void Dispose() => model.Dispose();
    }
}
