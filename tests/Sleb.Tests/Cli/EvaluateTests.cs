using System.Text.Json;
using Sleb.Cli;

namespace Sleb.Tests.Cli;

/// <summary>Do a checkpoint and its written folder answer alike, is a comparison exact, and does the tool say what is wrong?</summary>
public sealed class EvaluateTests : IClassFixture<DenseFolder>, IDisposable
{
    private readonly TemporaryFolder _tasks = new();
    private readonly string _dense;

    public EvaluateTests(DenseFolder dense)
    {
        _dense = dense.Path;
        string[] words = ["door", "garden", "letter", "morning", "window", "river"];
        File.WriteAllLines(_tasks["pick.jsonl"], words.Select((word, i) => JsonSerializer.Serialize(new { query = $"She looked at the {word}. Then the", choices = (string[])[word, "of and"], gold = i % 2 })));
        File.WriteAllLines(_tasks["who.jsonl"], words.Select(word => JsonSerializer.Serialize(new { context_options = (string[])[$"He saw the {word}, and he", $"He saw the {word}, and of"], continuation = "went home.", gold = 0 })));
        File.WriteAllLines(_tasks["last.jsonl"], words.Select(word => JsonSerializer.Serialize(new { context = $"The {word} was so", continuation = "happy" })));
    }

    public void Dispose() => _tasks.Dispose();

    [Fact]
    public void Checkpoint_and_written_folder_give_the_same_document()
    {
        var written = Evaluate(_dense, "pick,who,last", "--details", "--json").Json;
        var checkpoint = Evaluate(TestFiles.TinyNovels, "pick,who,last", "--details", "--json").Json;
        Assert.Equal("tasks fiveTaskMean comparedTo", string.Join(' ', written.EnumerateObject().Select(property => property.Name)));
        foreach (var (task, other) in written.GetProperty("tasks").EnumerateArray().Zip(checkpoint.GetProperty("tasks").EnumerateArray()))
        {
            Assert.Equal("task items accuracy accuracyStandardError accuracyInterval normalizedAccuracy normalizedAccuracyStandardError normalizedAccuracyInterval details",
                string.Join(' ', task.EnumerateObject().Select(property => property.Name)));
            Assert.Equal((6, 6), (task.GetProperty("items").GetInt32(), task.GetProperty("details").GetArrayLength()));
            Assert.Equal(task.GetProperty("accuracy").GetDouble(), task.GetProperty("details").EnumerateArray().Count(item => item.GetProperty("correct").GetBoolean()) / 6.0);
            foreach (var (item, same) in task.GetProperty("details").EnumerateArray().Zip(other.GetProperty("details").EnumerateArray()))
            {
                Assert.Equal("index logprobs tokens gold correct normalizedCorrect", string.Join(' ', item.EnumerateObject().Select(property => property.Name)));
                foreach (var (found, expected) in Doubles(item, "logprobs").Zip(Doubles(same, "logprobs"))) Assert.Equal(expected, found, 1e-4);
                foreach (string key in (string[])["index", "tokens", "gold", "correct", "normalizedCorrect"]) Assert.Equal(same.GetProperty(key).GetRawText(), item.GetProperty(key).GetRawText());
            }
        }
    }

    [Fact]
    public void Skip_and_limit_take_a_part_and_the_index_stays_the_lines()
    {
        var call = Evaluate(_dense, "pick", "--skip", "4", "--limit", "5", "--details", "--json");
        Assert.Equal([4, 5], call.Json.GetProperty("tasks")[0].GetProperty("details").EnumerateArray().Select(item => item.GetProperty("index").GetInt32()));
        Assert.Matches(@"^warning: .*pick\.jsonl holds 2 items behind the 4 skipped, fewer than the 5 asked for\.\n$", call.Error);
        Evaluate(_dense, "pick", "--skip", "6").AssertFailed("pick.jsonl holds 6 items, so none is left behind the 6 to skip.");
        var one = Evaluate(_dense, "pick", "--limit", "1", "--json").Json.GetProperty("tasks")[0];
        Assert.Equal(JsonValueKind.Null, one.GetProperty("accuracyStandardError").ValueKind);
        Assert.False(one.TryGetProperty("details", out _));
    }

    [Fact]
    public void A_comparison_has_the_items_that_changed()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(0, SlebCli.Run("export", TestFiles.TinyNovels, "--remove-blocks", "3,5,7,8", "--format", "hf", "--out", folder["pruned"]).ExitCode);
        var call = Evaluate(folder["pruned"], "pick,who", "--compare-to", _dense, "--json").Json;
        Assert.Equal(_dense, call.GetProperty("comparedTo").GetString());
        var dense = Evaluate(_dense, "pick,who", "--json").Json.GetProperty("tasks");
        foreach (var (task, reference) in call.GetProperty("tasks").EnumerateArray().Zip(dense.EnumerateArray()))
        {
            var comparison = task.GetProperty("comparison");
            Assert.Equal("other difference differenceInterval gained lost pValue", string.Join(' ', comparison.EnumerateObject().Select(property => property.Name)));
            Assert.Equal(reference.GetProperty("accuracy").GetDouble(), comparison.GetProperty("other").GetDouble());
            Assert.Equal(task.GetProperty("accuracy").GetDouble() - comparison.GetProperty("other").GetDouble(), comparison.GetProperty("difference").GetDouble(), 1e-12);
            Assert.Equal(comparison.GetProperty("difference").GetDouble() * 6, comparison.GetProperty("gained").GetInt32() - comparison.GetProperty("lost").GetInt32(), 1e-9);
            Assert.InRange(comparison.GetProperty("pValue").GetDouble(), 0, 1);
        }
        string text = Evaluate(folder["pruned"], "pick,who", "--compare-to", _dense).Out;
        Assert.Contains("Gained", text);
        Assert.Contains("Compared to " + _dense, text);
    }

    [Fact]
    public void A_person_reads_a_table_and_every_item_when_asked()
    {
        var call = Evaluate(_dense, "pick,last", "--details");
        Assert.Equal((0, ""), (call.ExitCode, call.Error));
        Assert.Contains("95 % interval", call.Out);
        Assert.Matches(@"pick +6 +\d+\.\d ± \d+\.\d +\d+\.\d – \d+\.\d ", call.Out);
        Assert.Matches(@"last +6 +(right|wrong) +-\d+\.\d{4} ", call.Out);
        Assert.DoesNotContain("mean of five", call.Out);
    }

    [Fact]
    public void What_is_wrong_with_a_task_is_said_in_a_sentence()
    {
        Evaluate(_dense, "pick,piqa").AssertFailed("has no task 'piqa', which would be the file piqa.jsonl; it has last, pick, who.");
        File.AppendAllText(_tasks["who.jsonl"], "{\"context_options\":[\"a\",\"b\"],\"gold\":0}\n");
        Evaluate(_dense, "pick,who").AssertFailed("who.jsonl, line 7 has no \"continuation\".");
        File.WriteAllText(_tasks["long.jsonl"], JsonSerializer.Serialize(new { context = string.Concat(Enumerable.Repeat("The door opened. ", 400)) + "The", continuation = "door" }));
        Assert.Matches(@"^warning: 1 of 1 items of long are longer than the context of 1024 tokens of .*dense; their beginning was left out\.\n$", Evaluate(_dense, "long", "--json").Error);
        Evaluate(TestFiles.Data("conformance", "llama"), "pick").AssertFailed("tokenizer.json");
    }

    [Fact]
    public void Stopped_between_items_it_ends_with_130()
    {
        using var source = new CancellationTokenSource();
        using var output = new CancellingWriter("warning: ", source); // the first task is done, and too long for the model
        File.WriteAllText(_tasks["long.jsonl"], JsonSerializer.Serialize(new { context = string.Concat(Enumerable.Repeat("The door opened. ", 400)) + "The", continuation = "door" }));
        int exit = SlebCommandLine.Run(["evaluate", _dense, "--tasks", "long,pick", "--task-folder", _tasks.Path, "--json"], TextWriter.Null, output, source.Token);
        Assert.Equal(130, exit);
        Assert.EndsWith("cancelled: Nothing was written.\n", output.ToString().ReplaceLineEndings("\n"));
    }

    private CliResult Evaluate(string model, string tasks, params string[] more) => SlebCli.Run(["evaluate", model, "--tasks", tasks, "--task-folder", _tasks.Path, .. more]);

    private static IEnumerable<double> Doubles(JsonElement item, string key) => item.GetProperty(key).EnumerateArray().Select(value => value.GetDouble());
}
