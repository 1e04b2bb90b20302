using Microsoft.ML;
using Microsoft.ML.Data;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;
using Sleb.Core.Tokenization;
using Sleb.MLNet;
using Sleb.Onnx.Runtime;

namespace Sleb.Tests.MLNet;

/// <summary>A real model folder scored from ML.NET says what the runtime says when it is asked directly.</summary>
public sealed class ApplyTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private static readonly string[] Prompts =
    [
        "The old house stood at the end of the lane, and",
        "She",
        "It was a dark night when the ship came into the harbour; nobody had expected it before the spring, and the captain",
        "\"Why,\" said he,",
        "",
        "  Two  spaces\tand a tab\n\nand a new paragraph",
        "One day, a little girl named Lily found a",
    ];

    private readonly MLContext _ml = new(seed: 1);

    private IDataView Data(params string[] texts) => _ml.Data.LoadFromEnumerable(texts.Select(text => new { Text = text }));

    private SlebModelTransformer Fit(Action<ApplySlebModelOptions>? change = null)
    {
        var options = new ApplySlebModelOptions { ModelFolder = tiny.Folder, MaxNewTokens = 12 };
        change?.Invoke(options);
        return _ml.Transforms.ApplySlebModel(options).Fit(Data());
    }

    [Fact]
    public void Completions_and_scores_are_the_runtimes_whatever_the_batch()
    {
        var tokenizer = HuggingFaceTokenizer.Load(tiny.Folder);
        using var model = GenAIModel.Load(tiny.Folder);
        var completions = new List<string>();
        var scores = new List<float>();
        foreach (string prompt in Prompts)
        {
            int[] ids = tokenizer.Encode(prompt);
            completions.Add(ids.Length == 0 ? "" : tokenizer.Decode(model.Generate(ids, new() { MaxNewTokens = 12 }), skipSpecialTokens: true));
            scores.Add(ids.Length < 2 ? float.NaN : (float)model.TokenNll(ids).Average());
        }
        Assert.Equal(6, completions.Distinct().Count(completion => completion.Length > 0));
        Assert.Equal(2, scores.Count(float.IsNaN));

        foreach (int batch in new[] { 1, 3, 100 })
        {
            using var transformer = Fit(options => options.BatchSize = batch);
            var view = transformer.Transform(Data(Prompts));
            Assert.Equal(completions, view.GetColumn<string>("Completion"));
            Assert.Equal(scores, view.GetColumn<float>("NegativeLogLikelihood"));
        }
    }

    [Fact]
    public void A_text_longer_than_the_context_is_scored_in_windows_and_a_long_prompt_keeps_its_end()
    {
        string text = File.ReadAllText(Path.Combine(TestFiles.TinyNovels, "evaluation.txt"))[..8_000];
        int[] ids = HuggingFaceTokenizer.Load(tiny.Folder).Encode(text);
        using var model = GenAIModel.Load(tiny.Folder);
        Assert.InRange(ids.Length, 2 * model.ContextLength + 2, 4 * model.ContextLength);
        double[] losses = [.. ids.Chunk(model.ContextLength).Where(window => window.Length > 1).SelectMany(window => model.TokenNll(window))];

        var warnings = new List<string>();
        _ml.Log += (_, e) => { if (e.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning) warnings.Add(e.RawMessage); };
        using var transformer = Fit();
        var view = transformer.Transform(Data(text));
        Assert.Equal((float)losses.Average(), view.GetColumn<float>("NegativeLogLikelihood").Single());
        Assert.Empty(warnings);

        string completion = view.GetColumn<string>("Completion").Single();
        var expected = model.Generate(ids[^(model.ContextLength - 12)..], new() { MaxNewTokens = 12 });
        Assert.Equal(HuggingFaceTokenizer.Load(tiny.Folder).Decode(expected, skipSpecialTokens: true), completion);
        Assert.StartsWith($"A prompt of {ids.Length} tokens leaves no room in the model's context of {model.ContextLength}: its last {model.ContextLength - 12} tokens", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Sampling_follows_the_seed_and_not_the_neighbours()
    {
        using var seeded = Fit(options => (options.Sample, options.SamplingSeed, options.Temperature) = (true, 7, 1.5f));
        using var other = Fit(options => (options.Sample, options.SamplingSeed, options.Temperature) = (true, 8, 1.5f));
        string[] all = [.. seeded.Transform(Data(Prompts)).GetColumn<string>("Completion")];
        Assert.Equal(all, seeded.Transform(Data(Prompts)).GetColumn<string>("Completion"));
        Assert.Equal(all[2], seeded.Transform(Data(Prompts[2])).GetColumn<string>("Completion").Single());
        Assert.NotEqual(all, other.Transform(Data(Prompts)).GetColumn<string>("Completion"));
    }

    [Fact]
    public void A_gpu_that_is_not_there_is_refused_before_weights_are_read_or_replaced_by_the_cpu_with_a_warning()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(tiny.Folder)) File.Copy(file, folder[Path.GetFileName(file)]);
        File.WriteAllText(folder["model.onnx"], "never read"); // whoever loads this fails otherwise
        string sentence = Assert.Throws<InvalidOperationException>(() => _ml.Transforms.ApplySlebModel(
            new() { ModelFolder = folder.Path, GpuDeviceId = 0 }).Fit(Data())).Message;
        Assert.Contains("CUDA", sentence, StringComparison.Ordinal);
        Assert.Contains("FallbackToCpu", sentence, StringComparison.Ordinal);

        _ml.GpuDeviceId = 0;
        Assert.Throws<InvalidOperationException>(() => Fit());
        var warnings = new List<string>();
        _ml.Log += (_, e) => { if (e.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning) warnings.Add(e.RawMessage); };
        using var transformer = Fit(options => options.FallbackToCpu = true);
        Assert.Contains("runs on the CPU", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Single(transformer.Transform(Data("She")).GetColumn<string>("Completion"));
    }

    [Fact]
    public void Folders_that_are_no_models_are_refused_in_Fit()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("does not exist", Refused(folder["missing"]), StringComparison.Ordinal);
        Assert.Contains("genai_config.json", Refused(folder.Path), StringComparison.Ordinal);
        File.Copy(Path.Combine(tiny.Folder, "genai_config.json"), folder["genai_config.json"]);
        Assert.Contains("tokenizer.json", Refused(folder.Path), StringComparison.Ordinal);
        File.Copy(Path.Combine(tiny.Folder, "tokenizer.json"), folder["tokenizer.json"]);
        Assert.Contains("does not load", Refused(folder.Path), StringComparison.Ordinal);

        string Refused(string path) => Assert.Throws<CheckpointException>(
            () => _ml.Transforms.ApplySlebModel("Completion", "Text", path).Fit(Data())).Message;
    }

    [Fact]
    public void A_chat_template_is_applied_or_its_lack_said()
    {
        using var without = Fit(options => options.UseChatTemplate = true);
        Assert.Contains("chat template", Assert.Throws<CheckpointException>(
            () => without.Transform(Data("Hello")).GetColumn<string>("Completion").ToList()).Message, StringComparison.Ordinal);

        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(tiny.Folder)) File.Copy(file, folder[Path.GetFileName(file)]);
        var config = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(folder["tokenizer_config.json"]))!;
        config["chat_template"] = "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
        File.WriteAllText(folder["tokenizer_config.json"], config.ToJsonString());
        File.AppendAllText(folder["genai_config.json"], "\n"); // another model to the process's cache
        using var chat = _ml.Transforms.ApplySlebModel(new() { ModelFolder = folder.Path, MaxNewTokens = 12, UseChatTemplate = true }).Fit(Data());
        using var plain = Fit();
        var view = chat.Transform(Data("A \"quoted\" question\nin two lines"));
        Assert.Equal(plain.Transform(Data("<user>A \"quoted\" question\nin two lines\n<assistant>")).GetColumn<string>("Completion"), view.GetColumn<string>("Completion"));
        Assert.Equal(plain.Transform(Data("A \"quoted\" question\nin two lines")).GetColumn<float>("NegativeLogLikelihood"), view.GetColumn<float>("NegativeLogLikelihood"));
    }

    [Fact]
    public void The_fingerprint_follows_what_the_model_consists_of()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(tiny.Folder)) File.Copy(file, folder[Path.GetFileName(file)]);
        string original = FolderFingerprint.Compute(tiny.Folder);
        Assert.Equal(original, FolderFingerprint.Compute(folder.Path));
        File.WriteAllText(folder["README.md"], "notes");
        Assert.Equal(original, FolderFingerprint.Compute(folder.Path));
        foreach (string name in new[] { "model.onnx", "model.onnx.data", "genai_config.json", "tokenizer.json" })
        {
            byte[] bytes = File.ReadAllBytes(folder[name]);
            bytes[^1] ^= 1;
            File.WriteAllBytes(folder[name], bytes);
            Assert.NotEqual(original, FolderFingerprint.Compute(folder.Path));
            bytes[^1] ^= 1;
            File.WriteAllBytes(folder[name], bytes);
            Assert.Equal(original, FolderFingerprint.Compute(folder.Path));
        }
    }
}
