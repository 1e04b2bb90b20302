using Sleb.Core.Evaluation;

namespace Sleb.Tests.Evaluation;

/// <summary>Are task files read as they are, and is what is wrong with one said with its line?</summary>
public class ZeroShotTaskTests
{
    [Theory]
    [InlineData("hellaswag", 10042, 4)]
    [InlineData("piqa", 1838, 2)]
    [InlineData("arc_easy", 2376, 4)]
    [InlineData("arc_challenge", 1172, 4)]
    [InlineData("winogrande", 1267, 2)]
    [InlineData("openbook_qa", 500, 4)]
    [InlineData("boolq", 3270, 2)]
    [InlineData("lambada_openai", 5153, 1)]
    [InlineData("copa", 100, 2)]
    [InlineData("siqa", 1954, 2)]
    [InlineData("commonsense_qa", 1221, 4)]
    [InlineData("winograd_wsc", 273, 2)]
    public void Whole_validation_sets_are_read(string name, int items, int choices)
    {
        var task = ZeroShotTask.Read(ZeroShotReference.TaskFolder, name);
        Assert.Equal(Enumerable.Range(0, items), task.Items.Select(item => item.Index));
        Assert.All(task.Items, item => Assert.Equal(choices, item.Choices.Count));
        Assert.Equal(choices, task.Items.Select(item => item.Gold).Distinct().Count()); // every answer is right somewhere
    }

    [Fact]
    public void The_three_forms_become_contexts_and_continuations()
    {
        Assert.Equal([new("A cat", "sat."), new("A cat", "ran.")], Read("any", """{"query":"A cat","choices":["sat.","ran."],"gold":1}""").Choices);
        Assert.Equal([new("As Ann", "won."), new("As Bob", "won.")], Read("any", """{"context_options":["As Ann","As Bob"],"continuation":"won.","gold":0}""").Choices);
        Assert.Equal([new("The end of the", "world")], Read("any", """{"context":"The end of the","continuation":"world"}""").Choices);
    }

    [Theory]
    [InlineData("piqa", "How?", "Question: How?\nAnswer:")]
    [InlineData("arc_easy", "Question: How?", "Question: How?\nAnswer:")]
    [InlineData("arc_challenge", "Question: How?\nAnswer:", "Question: How?\nAnswer:")]
    [InlineData("boolq", "Passage: So.\nQuestion: is it?", "Passage: So.\nQuestion: is it?\nAnswer:")]
    [InlineData("boolq", "is it?\nAnswer:", "is it?\nAnswer:")]
    [InlineData("openbook_qa", "A plant", "A plant")]
    [InlineData("mine", "Question: How?", "Question: How?")]
    public void Prompts_are_added_where_a_task_has_them_and_its_file_has_not(string task, string query, string context) =>
        Assert.Equal(context, Read(task, System.Text.Json.JsonSerializer.Serialize(new { query, choices = (string[])["a", "b"], gold = 0 })).Choices[0].Context);

    [Theory]
    [InlineData("""[1]""", "is an array, not an object")]
    [InlineData("""{"query":"a",""", "is not valid JSON (byte ")]
    [InlineData("""{"text":"a"}""", "has none of the three forms")]
    [InlineData("""{"query":"a","gold":0}""", "has no \"choices\"")]
    [InlineData("""{"query":"a","choices":"b","gold":0}""", "has a string as \"choices\", not an array")]
    [InlineData("""{"query":"a","choices":["b"],"gold":0}""", "has 1 \"choices\", not two or more")]
    [InlineData("""{"query":"a","choices":["b",3],"gold":0}""", "has a number at position 1 of \"choices\", not a string")]
    [InlineData("""{"query":"a","choices":["b",""],"gold":0}""", "has an empty text at position 1 of \"choices\"")]
    [InlineData("""{"query":7,"choices":["b","c"],"gold":0}""", "has a number as \"query\", not a string")]
    [InlineData("""{"query":"a","choices":["b","c"]}""", "has no \"gold\"")]
    [InlineData("""{"query":"a","choices":["b","c"],"gold":2}""", "has 2 as \"gold\", not one of 0 to 1")]
    [InlineData("""{"query":"a","choices":["b","c"],"gold":0.5}""", "has 0.5 as \"gold\", not one of 0 to 1")]
    [InlineData("""{"query":"a\ud800","choices":["b","c"],"gold":0}""", "has half of a surrogate pair in a string")]
    [InlineData("""{"context":"a","continuation":"b"}""", "has \"context\" where the lines before have \"query\"")]
    public void A_bad_line_is_refused_with_its_number(string line, string fault)
    {
        var refusal = Assert.Throws<InvalidDataException>(() => Read("bad", """{"query":"a","choices":["b","c"],"gold":0}""", "", line));
        Assert.Contains("bad.jsonl, line 3 " + fault, refusal.Message);
    }

    [Fact]
    public void A_task_that_is_not_there_is_told_from_a_folder_that_is_not()
    {
        using var folder = new TemporaryFolder();
        Assert.EndsWith("it has none.", Assert.Throws<FileNotFoundException>(() => ZeroShotTask.Read(folder.Path, "piqa")).Message);
        File.WriteAllText(folder["mine.jsonl"], "\n \n");
        Assert.EndsWith("has no task 'piqa', which would be the file piqa.jsonl; it has mine.", Assert.Throws<FileNotFoundException>(() => ZeroShotTask.Read(folder.Path, "piqa")).Message);
        Assert.Contains("mine.jsonl holds no line.", Assert.Throws<InvalidDataException>(() => ZeroShotTask.Read(folder.Path, "mine")).Message);
        Assert.EndsWith("none does not exist.", Assert.Throws<FileNotFoundException>(() => ZeroShotTask.Read(folder["none"], "piqa")).Message);
    }

    private static ZeroShotItem Read(string task, params string[] lines)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder[task + ".jsonl"], string.Join('\n', lines));
        return ZeroShotTask.Read(folder.Path, task).Items[0];
    }
}
