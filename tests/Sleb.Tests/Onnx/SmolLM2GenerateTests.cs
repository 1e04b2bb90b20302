using System.Text.Json;

namespace Sleb.Tests.Onnx;

/// <summary>Real weights through the emitted folder: three continuations and the loss of one text, without three blocks.</summary>
public class SmolLM2GenerateTests
{
    [Fact]
    public void Continuations_and_losses_without_three_blocks_equal_the_reference()
    {
        var reference = JsonDocument.Parse(File.ReadAllText(TestFiles.Shared("reference", "smollm2-generate.json"))).RootElement;
        using var exported = Exported.Of(SmolLM2.Folder, Ids(reference.GetProperty("removed").GetProperty("minus_3")));
        int compared = 0;
        foreach (var prompt in reference.GetProperty("prompts").EnumerateArray())
        {
            var expected = prompt.GetProperty("minus_3");
            if (expected.GetProperty("min_margin").GetDouble() < 0.01) continue; // an exact match would be luck
            int[] ids = Ids(expected.GetProperty("ids"));
            Assert.Equal(ids, exported.Model.Generate(Ids(prompt.GetProperty("ids")), new() { MaxNewTokens = ids.Length, IgnoreEos = true }, null, default));
            compared++;
        }
        Assert.NotEqual(0, compared);

        var score = reference.GetProperty("score");
        var expectedLosses = score.GetProperty("minus_3").GetProperty("token_nll").EnumerateArray().Select(loss => loss.GetDouble()).ToList();
        double[] losses = exported.Model.TokenNll(Ids(score.GetProperty("ids")), default);
        Assert.Equal(expectedLosses.Count, losses.Length);
        foreach (var (expected, found) in expectedLosses.Zip(losses)) Assert.Equal(expected, found, 1e-3);
        Assert.Equal(score.GetProperty("minus_3").GetProperty("mean_nll").GetDouble(), losses.Average(), 1e-4);
    }

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
