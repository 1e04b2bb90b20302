using System.Text.Json;
using Sleb.Core.Evaluation;
using Sleb.Core.Tokenization;

namespace Sleb.Tests.Evaluation;

/// <summary>Recorded answers of SmolLM2-135M to the first 60 items of eight tasks, and the comparison with them.</summary>
internal sealed class ZeroShotReference
{
    public static readonly string[] Tasks = ["piqa", "arc_easy", "arc_challenge", "hellaswag", "winogrande", "openbook_qa", "boolq", "lambada_openai"];

    /// <summary>What <c>minus-3</c> is without.</summary>
    public static readonly int[] Removed = [14, 17, 13];

    private readonly Dictionary<string, JsonElement[]> _items;

    /// <param name="model"><c>dense</c> or <c>minus-3</c>.</param>
    public ZeroShotReference(string model) => _items = File.ReadLines(TestFiles.Shared("reference", "zeroshot", $"smollm2-{model}.jsonl"))
        .Select(line => JsonDocument.Parse(line).RootElement)
        .GroupBy(item => item.GetProperty("task").GetString()!)
        .ToDictionary(task => task.Key, task => task.ToArray());

    public static string TaskFolder => TestFiles.Shared("data", "zeroshot");

    /// <summary>Scores items of every task and gives the largest difference of a choice's log-probability.</summary>
    public double Compare(ITokenScorer model, Func<int, bool> wanted, Action<string>? tell = null)
    {
        var scorer = new ZeroShotScorer(model, HuggingFaceTokenizer.Load(SmolLM2.Folder));
        double worst = 0;
        foreach (string name in Tasks)
        {
            var task = ZeroShotTask.Read(TaskFolder, name);
            var expected = _items[name].Where(item => wanted(item.GetProperty("index").GetInt32())).ToList();
            var scores = expected.ConvertAll(item => scorer.Score(task, task.Items[item.GetProperty("index").GetInt32()], TestContext.Current.CancellationToken));
            foreach (var (recorded, found) in expected.Zip(scores)) worst = Math.Max(worst, Compare(name, recorded, found));
            tell?.Invoke($"{name}: {scores.Count(score => score.IsCorrect)} of {scores.Count} right, {scores.Count(score => score.IsCorrectNormalized)} by bytes, largest difference so far {worst:E2}");
        }
        return worst;
    }

    private static double Compare(string task, JsonElement recorded, ItemScore found)
    {
        string where = $"{task} {found.Index}";
        Assert.Equal((where, recorded.GetProperty("gold").GetInt32()), (where, found.Gold));
        Assert.Equal(recorded.GetProperty("tokens").EnumerateArray().Select(value => value.GetInt32()), found.Choices.Select(choice => choice.Tokens));
        Assert.Equal(recorded.GetProperty("greedy").EnumerateArray().Select(value => value.GetBoolean()), found.Choices.Select(choice => choice.IsGreedy));
        Assert.Equal((where, recorded.GetProperty("correct").GetBoolean(), recorded.GetProperty("correct_norm").GetBoolean()), (where, found.IsCorrect, found.IsCorrectNormalized));
        return recorded.GetProperty("logprobs").EnumerateArray().Select(value => value.GetDouble()).Zip(found.Choices, (expected, choice) => Math.Abs(expected - choice.LogProbability)).Max();
    }
}
