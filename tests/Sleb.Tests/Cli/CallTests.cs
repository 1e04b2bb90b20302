using Sleb.Cli;

namespace Sleb.Tests.Cli;

/// <summary>Is a wrong call told apart from a failure, and does the sentence name what is wrong?</summary>
public class CallTests
{
    private static readonly string Model = TestFiles.TinyNovels;

    public static TheoryData<string, string[]> WrongCalls => new()
    {
        { "--effort is 'fast'; exhaustive or racing is expected.", ["prune", Model, "--remove", "3", "--effort", "fast"] },
        { "--metric is 'loss'; perplexity or one-shot or block-influence is expected.", ["prune", "--metric", "loss", Model, "--remove", "3"] },
        { "--memory is '2'; a size such as 2GB, 1.5GB or 800MB is expected.", ["export", Model, "--out", "x", "--memory", "2"] },
        { "--memory is '-1GB'; a size such as 2GB, 1.5GB or 800MB is expected.", ["prune", Model, "--remove", "1", "--memory", "-1GB"] },
        { "'more' is one argument too many for 'sleb inspect'.", ["inspect", Model, "more"] },
        { "Option '--remove' is required.", ["prune", Model] },
        { "--remove is 'three'; a whole number is expected.", ["prune", Model, "--remove", "three"] },
        { "--remove is 0; at least 1 is expected.", ["prune", Model, "--remove", "0"] },
        { "--windows is 0; at least 1 is expected.", ["prune", Model, "--remove", "1", "--windows", "0"] },
        { "--windows is '1.5'; a whole number is expected.", ["prune", Model, "--remove", "1", "--windows", "1.5"] },
        { "--early-barrier is -1; at least 0 is expected.", ["prune", Model, "--remove", "1", "--early-barrier", "-1"] },
        { "--target is 'npu'; cpu or cuda is expected.", ["prune", Model, "--remove", "1", "--target", "npu"] },
        { "--precision is 'fp64'; fp32 or fp16 or bf16 or int8 or int4 is expected.", ["export", Model, "--out", "x", "--precision", "fp64"] },
        { "--plan-only writes no folder, so it cannot stand beside --out.", ["prune", Model, "--remove", "1", "--plan-only", "--out", "x"] },
        { "--run needs a path, but '--jsn' follows it; write ./--jsn if that is the name.", ["prune", Model, "--remove", "1", "--run", "--jsn"] },
        { "Option '--out' is required.", ["export", Model] },
        { "--remove-blocks is ''; whole numbers separated by commas are expected, for example 14,17.", ["export", Model, "--out", "x", "--remove-blocks", ""] },
        { "--remove-blocks is '1,x'; whole numbers separated by commas are expected, for example 14,17.", ["export", Model, "--out", "x", "--remove-blocks", "1,x"] },
        { "--plan and --remove-blocks both say which blocks go; give one of them.", ["export", Model, "--out", "x", "--plan", "p", "--remove-blocks", "1"] },
        { "--zero-points is for --precision int8 or int4; fp32 has no integers.", ["export", Model, "--out", "x", "--zero-points"] },
        { "--target is for --format onnx; a Hugging Face folder keeps the weights as they are.", ["export", Model, "--out", "x", "--format", "hf", "--target", "cpu"] },
        { "Option '--text' is required.", ["perplexity", Model] },
        { "--sequence-length is 1; at least 2 is expected.", ["perplexity", Model, "--text", "x", "--sequence-length", "1"] },
        { "Option '--tasks' is required.", ["evaluate", Model, "--task-folder", "x"] },
        { "--tasks is 'a,,b'; names separated by commas are expected, for example piqa,hellaswag.", ["evaluate", Model, "--task-folder", "x", "--tasks", "a,,b"] },
        { "--tasks has 'a' twice.", ["evaluate", Model, "--task-folder", "x", "--tasks", "a,b,a"] },
        { "--limit is 0; at least 1 is expected.", ["evaluate", Model, "--task-folder", "x", "--tasks", "a", "--limit", "0"] },
        { "Give the prompt either as --prompt TEXT or as --input-ids 1,2,3.", ["generate", Model] },
        { "Give the prompt either as --prompt TEXT or as --input-ids 1,2,3.", ["generate", Model, "--prompt", "a", "--input-ids", "1"] },
        { "--top-p is '2'; a number from 0.001 to 1 is expected.", ["generate", Model, "--prompt", "a", "--top-p", "2"] },
        { "--temperature is 'NaN'; a number from 0 to 10000 is expected.", ["generate", Model, "--prompt", "a", "--temperature", "NaN"] },
    };

    [Theory]
    [MemberData(nameof(WrongCalls))]
    public void A_wrong_call_gives_its_sentence_and_the_usage_line(string sentence, string[] args) =>
        SlebCli.Run(args).AssertWrongCall(sentence, $"sleb {args[0]} ");

    [Fact]
    public void An_unknown_command_is_named()
    {
        SlebCli.Run("distill", "x").AssertWrongCall("'distill' is not a command of sleb.", "sleb inspect|prune|export|perplexity|evaluate|generate|experiment|report|bench|doctor");
        SlebCli.Run("--jsn").AssertWrongCall("'--jsn' is not an option of 'sleb'.", "sleb inspect");
    }

    [Fact]
    public void A_wrong_call_with_json_leaves_standard_output_empty() =>
        SlebCli.Run("prune", "--json", Model).AssertWrongCall("Option '--remove' is required.", "sleb prune MODEL --remove N [--calibration FILE]");

    /// <summary>The contract's options, those of later issues left out. --help and the options of every command come on top.</summary>
    [Theory]
    [InlineData("inspect", "MODEL", "")]
    [InlineData("prune", "MODEL", "--accuracy-level --arithmetic --calibration --early-barrier --effort --embedding-precision --evaluate-each --evaluation --evaluation-windows --fused-norms --join --late-barrier --memory --metric --out --overwrite --packed-gate-up --plan-only --precision --remove --run --sequence-length --share-weights --target --windows --zero-points")]
    [InlineData("export", "MODEL", "--accuracy-level --embedding-precision --format --fused-norms --memory --out --overwrite --packed-gate-up --plan --precision --remove-blocks --share-weights --target --zero-points")]
    [InlineData("perplexity", "MODEL_OR_FOLDER", "--join --sequence-length --text --windows")]
    [InlineData("evaluate", "MODEL_OR_FOLDER", "--compare-to --details --limit --skip --task-folder --tasks")]
    [InlineData("generate", "FOLDER", "--ignore-eos --input-ids --max-new-tokens --prompt --seed --temperature --top-k --top-p")]
    [InlineData("report", "RUN…", "--bench --folders --new-tokens --out --overwrite --prompts")]
    [InlineData("bench", "FOLDER…", "--batch-size --new-tokens --prompt-tokens --protocol --runs --text --windows")]
    [InlineData("experiment", "FILE_OR_MODEL", "--batch-size --budget --calibration --checkpoint --effort --evaluation --evaluation-windows --max-models --metrics --new-tokens --objective --out --overwrite --precisions --prompt-tokens --remove --runs --sequence-lengths --training-time --windows")]
    public void Options_are_those_of_the_contract(string name, string argument, string options)
    {
        var command = SlebCommandLine.CreateRoot().Subcommands.Single(command => command.Name == name);
        Assert.Equal(argument, command.Arguments.Single().Name);
        Assert.Equal(options, string.Join(' ', command.Options.Select(option => option.Name).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void Help_is_success_on_standard_output()
    {
        var help = SlebCli.Run("prune", "--help");
        Assert.Equal((0, ""), (help.ExitCode, help.Error));
        Assert.Contains("--early-barrier <N>", help.Out);
    }

    [Fact]
    public void Verbose_adds_the_stack_and_nothing_else_does()
    {
        string missing = Path.Combine(TestFiles.Root, "no-such-model");
        SlebCli.Run("inspect", missing).AssertFailed($"The model folder {missing} does not exist.");
        var verbose = SlebCli.Run("inspect", missing, "--verbose");
        Assert.Equal(1, verbose.ExitCode);
        Assert.Contains("   at Sleb.Cli.Commands.", verbose.Error);
    }
}
