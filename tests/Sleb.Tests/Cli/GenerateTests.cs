using System.Text.Json;

namespace Sleb.Tests.Cli;

/// <summary>Does a written folder continue a text as the reference does, and does it say so to a person and to a script?</summary>
public class GenerateTests(DenseFolder dense) : IClassFixture<DenseFolder>
{
    private static readonly JsonElement Reference = JsonDocument.Parse(File.ReadAllText(TestFiles.Data("tiny-novels.json"))).RootElement.GetProperty("greedy");

    [Fact]
    public void Text_goes_in_and_the_reference_comes_out()
    {
        Assert.NotEmpty(Reference.EnumerateObject());
        foreach (var expected in Reference.EnumerateObject())
        {
            int[] ids = ConformanceTests.Ints(expected.Value.GetProperty("ids"));
            var call = SlebCli.Run("generate", dense.Path, "--prompt", expected.Name, "--max-new-tokens", $"{ids.Length}", "--json");
            Assert.Equal("ids text seconds", string.Join(' ', call.Keys));
            // The reference keeps the end of sequence (0) that ended it.
            Assert.Equal(ids.Where(id => id != 0), ConformanceTests.Ints(call.Json.GetProperty("ids")));
            Assert.Equal(expected.Value.GetProperty("text").GetString(), call.Json.GetProperty("text").GetString());
            Assert.Equal("", call.Error);
        }
    }

    [Fact]
    public void A_person_reads_the_text_alone()
    {
        var call = SlebCli.Run("generate", dense.Path, "--prompt", "The door opened, and");
        Assert.Equal((0, " the door was so happy.\n", ""), (call.ExitCode, call.Out, call.Error));
        string prompt = string.Join(',', ConformanceTests.Ints(Reference.GetProperty("The door opened, and").GetProperty("prompt_ids")));
        Assert.Equal(call.Out, SlebCli.Run("generate", dense.Path, "--input-ids", prompt).Out);
    }

    [Fact]
    public void Past_the_end_of_sequence_only_when_asked()
    {
        string[] args = ["generate", dense.Path, "--prompt", "The door opened, and", "--max-new-tokens", "12", "--json"];
        Assert.Equal(6, SlebCli.Run(args).Json.GetProperty("ids").GetArrayLength());
        int[] further = ConformanceTests.Ints(SlebCli.Run([.. args, "--ignore-eos"]).Json.GetProperty("ids"));
        Assert.Equal((12, 0), (further.Length, further[6]));
    }

    [Fact]
    public void Sampling_follows_its_seed()
    {
        string Sample(params string[] more) => SlebCli.Run(["generate", dense.Path, "--prompt", "Once upon a time", "--max-new-tokens", "30", "--ignore-eos", .. more]).Out;
        Assert.Equal(Sample("--seed", "7"), Sample("--seed", "7", "--temperature", "1"));
        Assert.NotEqual(Sample("--seed", "7"), Sample("--seed", "8"));
        Assert.Equal(Sample(), Sample("--temperature", "0"));
        Assert.Equal(Sample(), Sample("--top-k", "1", "--seed", "7"));
        Assert.NotEqual(Sample(), Sample("--seed", "7"));
    }

    [Fact]
    public void What_does_not_fit_the_model_is_said()
    {
        SlebCli.Run("generate", dense.Path, "--prompt", "").AssertWrongCall("The prompt is empty; there is nothing to continue.", "sleb generate");
        Assert.Equal(2, SlebCli.Run("generate", dense.Path, "--input-ids", "2048").ExitCode);
        SlebCli.Run("generate", dense.Path, "--input-ids", string.Join(',', Enumerable.Repeat(5, 1024)))
            .AssertWrongCall("The prompt has 1024 tokens, and the model's context of 1024 leaves no room for a new one; shorten it.", "sleb generate");
        var near = SlebCli.Run("generate", dense.Path, "--input-ids", string.Join(',', Enumerable.Repeat(5, 1020)), "--ignore-eos", "--json");
        Assert.Equal(4, near.Json.GetProperty("ids").GetArrayLength());
        Assert.Equal("warning: The model's context of 1024 tokens leaves room for 4 new ones.\n", near.Error);
        SlebCli.Run("generate", TestFiles.TinyNovels, "--prompt", "a").AssertFailed("holds no genai_config.json; write a folder to run with 'sleb export'.");
    }

    [Fact]
    public void A_folder_without_tokenizer_needs_ids()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(0, SlebCli.Run("export", TestFiles.Data("conformance", "llama"), "--out", folder["llama"]).ExitCode);
        SlebCli.Run("generate", folder["llama"], "--prompt", "a").AssertFailed("tokenizer.json");
        Assert.Matches(@"^\d+,\d+\n$", SlebCli.Run("generate", folder["llama"], "--input-ids", "5", "--max-new-tokens", "2", "--ignore-eos").Out);
    }
}
