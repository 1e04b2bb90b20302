using Sleb.Core.Evaluation;
using Sleb.Tests.Onnx;
using Sleb.Torch.Scoring;

namespace Sleb.Tests.Evaluation;

/// <summary>Are the log-probabilities those of transformers' logits, however much the sequences of a call have in common? Every family.</summary>
public class TokenScorerTests
{
    private const double MaxDifference = 2e-4;

    public static TheoryData<string> Names => ConformanceFolder.Names;

    [Theory, MemberData(nameof(Names))]
    public void On_the_checkpoint(string name)
    {
        var folder = ConformanceFolder.Open(name);
        using var checkpoint = folder.Checkpoint();
        using var model = TorchModel.Load(checkpoint);
        foreach (int[] removed in folder.RemovedSets)
            Check(folder, removed, new TorchTokenScorer(model, checkpoint.Config, folder.Survivors(removed)));
    }

    [Theory, MemberData(nameof(Names))]
    public void On_the_written_folder(string name)
    {
        var folder = ConformanceFolder.Open(name);
        int[] removed = folder.RemovedSets.Last();
        using var exported = Exported.Of(folder.Path, removed);
        Check(folder, removed, exported.Model);
    }

    /// <summary>A beginning in common, only a last token to differ in, nothing in common, other lengths, and alone.</summary>
    private static void Check(ConformanceFolder folder, int[] removed, ITokenScorer scorer)
    {
        int[] first = folder.Rows[0], second = folder.Rows[1];
        ScoredSequence[][] calls =
        [
            [new(first[..12], 9), new([.. first[..11], second[11]], 11), new(first, 10), new(first[..10], 9)],
            [new(first[..20], 19), new([.. first[..19], first[0]], 19), new([.. first[..19], first[1]], 19)],
            [new(first, 1), new(second[..7], 3)],
            [new(second, 23)],
        ];
        foreach (var call in calls)
        {
            var scores = scorer.Score(call, TestContext.Current.CancellationToken);
            Assert.Equal(call.Length, scores.Count);
            foreach (var (sequence, found) in call.Zip(scores)) Check(sequence, found, folder.Logits(removed, sequence.Ids[0] == first[0] && sequence.Ids[1] == first[1] ? 0 : 1));
        }
    }

    private static void Check(ScoredSequence sequence, TokenScore[] found, float[] logits)
    {
        int vocabulary = logits.Length / 24;
        Assert.Equal(sequence.Targets, found.Length);
        for (int i = 0; i < found.Length; i++)
        {
            var row = logits.AsSpan((sequence.First + i - 1) * vocabulary, vocabulary).ToArray();
            int id = sequence.Ids[sequence.First + i];
            double max = row.Max();
            Assert.Equal(row[id] - max - Math.Log(row.Sum(logit => Math.Exp(logit - max))), found[i].LogProbability, MaxDifference);
            Assert.Equal(Array.IndexOf(row, row.Max()) == id, found[i].IsGreedy);
        }
    }
}
